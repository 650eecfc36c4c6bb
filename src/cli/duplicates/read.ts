import type { Queryable } from '../../platform/postgres.ts'

/** What stands more than once in a target. `ids`: oldest first; `link`: the one that dealbridge keeps in step, null when it knows none. */
export interface Duplicate {
  readonly target: string
  readonly kind: 'deal' | 'contact' | 'company'
  readonly origin: string
  readonly ids: readonly string[]
  readonly link: string | null
  readonly seenAt: Date
}

/** Everything that the scans found and that was still so when they looked last. */
export async function readDuplicates (db: Queryable): Promise<Duplicate[]> {
  const { rows } = await db.query<{ target: string, kind: Duplicate['kind'], origin: string, ids: string[], link: string | null, seen_at: Date }>(`
    select d.target, d.kind, d.origin, d.ids, d.seen_at, coalesce(w.link, r.link) as link
    from dispatch.duplicate d
    left join dispatch.work w on d.kind = 'deal' and w.target = d.target and d.origin = w.portal || ':' || w.deal_id
    left join dispatch.record r on r.kind = d.kind and r.target = d.target and d.origin = r.portal || ':' || r.source_id
    order by d.target, d.kind, d.origin`)
  return rows.map(row => ({ target: row.target, kind: row.kind, origin: row.origin, ids: row.ids, link: row.link, seenAt: row.seen_at }))
}

/** When each target was last looked through to its end; null: never. */
export async function readScans (db: Queryable): Promise<{ readonly target: string, readonly finishedAt: Date | null }[]> {
  const { rows } = await db.query<{ target: string, finished_at: Date | null }>('select target, finished_at from dispatch.duplicate_scan order by target')
  return rows.map(row => ({ target: row.target, finishedAt: row.finished_at }))
}
