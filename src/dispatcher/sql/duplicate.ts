import type { Made, MadeKind } from '../../bitrix24/made.ts'
import type { Queryable } from '../../platform/postgres.ts'

/** Where a target's scan stands: `nextId` null means that a scan begins with the lowest id. */
export interface ScanPlace { readonly kind: MadeKind, readonly nextId: bigint | null, readonly lastId: bigint | null }

/** What is to be looked at now; undefined when the next scan is not due. Notes a target of which nothing was known. */
export async function dueScan (db: Queryable, target: string): Promise<ScanPlace | undefined> {
  await db.query('insert into dispatch.duplicate_scan (target) values ($1) on conflict do nothing', [target])
  const { rows } = await db.query<{ kind: MadeKind, next_id: bigint | null, last_id: bigint | null }>('select kind, next_id, last_id from dispatch.duplicate_scan where target = $1 and due_at <= now()', [target])
  const [row] = rows
  return row === undefined ? undefined : { kind: row.kind, nextId: row.next_id, lastId: row.last_id }
}

export async function saveScan (db: Queryable, target: string, place: ScanPlace): Promise<void> {
  await db.query('update dispatch.duplicate_scan set kind = $2, next_id = $3, last_id = $4 where target = $1', [target, place.kind, place.nextId, place.lastId])
}

/** The scan of a target is through; the next one begins after `everyMs`. */
export async function endScan (db: Queryable, target: string, everyMs: number): Promise<void> {
  await db.query('update dispatch.duplicate_scan set kind = \'deal\', next_id = null, last_id = null, finished_at = now(), due_at = now() + $2 * interval \'1 millisecond\' where target = $1', [target, everyMs])
}

/** The origins of those whose id is not the known link: made twice, or not settled yet, or of a row that was lost. */
export async function unlinked (db: Queryable, target: string, kind: MadeKind, made: readonly Made[]): Promise<string[]> {
  const known = kind === 'deal'
    ? 'select from dispatch.work w where w.target = $1 and w.portal || \':\' || w.deal_id = m.origin and w.link = m.id'
    : 'select from dispatch.record r where r.target = $1 and r.kind = $4 and r.portal || \':\' || r.source_id = m.origin and r.link = m.id'
  const { rows } = await db.query<{ origin: string }>(`select distinct m.origin from unnest($2::text[], $3::text[]) as m (id, origin) where not exists (${known})`,
    [target, made.map(each => each.id), made.map(each => each.origin), ...kind === 'deal' ? [] : [kind]])
  return rows.map(row => row.origin)
}

/** Writes down what stands more than once, and forgets what was found before and does so no more. Gives what is new. */
export async function noteDuplicates (db: Queryable, target: string, found: { readonly kind: MadeKind, readonly looked: readonly string[], readonly copies: ReadonlyMap<string, readonly string[]> }): Promise<string[]> {
  const double = [...found.copies].filter(([, ids]) => ids.length > 1)
  await db.query('delete from dispatch.duplicate where target = $1 and kind = $2 and origin = any($3::text[]) and origin <> all($4::text[])', [target, found.kind, found.looked, double.map(([origin]) => origin)])
  const { rows } = await db.query<{ origin: string }>(`
    insert into dispatch.duplicate as d (target, kind, origin, ids, seen_at)
    select $1, $2, origin, string_to_array(ids, ','), now() from unnest($3::text[], $4::text[]) as f (origin, ids)
    on conflict (target, kind, origin) do update set ids = excluded.ids, seen_at = excluded.seen_at
    returning case when xmax = 0 then origin end as origin`, [target, found.kind, double.map(([origin]) => origin), double.map(([, ids]) => ids.join(','))])
  return rows.flatMap(row => (row.origin as string | null) === null ? [] : [row.origin])
}

/** What was found before and is to be looked at again. */
export async function notedOrigins (db: Queryable, target: string, kind: MadeKind): Promise<string[]> {
  const { rows } = await db.query<{ origin: string }>('select origin from dispatch.duplicate where target = $1 and kind = $2', [target, kind])
  return rows.map(row => row.origin)
}

export async function countDuplicates (db: Queryable, target: string): Promise<number> {
  const { rows } = await db.query<{ count: bigint }>('select count(*) as count from dispatch.duplicate where target = $1', [target])
  return Number(rows[0]?.count ?? 0)
}
