import type { Queryable } from '../../platform/postgres.ts'

/** Remembers deals that the running full pass did not find. */
export async function noteAbsent (db: Queryable, portal: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db.query('insert into sweep.absent (portal, deal_id) select $1, unnest($2::text[]) on conflict do nothing', [portal, ids])
}

export async function countAbsent (db: Queryable, portal: string): Promise<number> {
  const { rows } = await db.query<{ absent: bigint }>('select count(*) as absent from sweep.absent where portal = $1', [portal])
  return Number(rows[0]?.absent ?? 0)
}

/** Some of a portal's absent deals, the same ones until they are forgotten. */
export async function someAbsent (db: Queryable, portal: string, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ deal_id: string }>('select deal_id from sweep.absent where portal = $1 order by deal_id limit $2', [portal, limit])
  return rows.map(row => row.deal_id)
}

/** Forgets these absent deals of a portal, or all of them. */
export async function forgetAbsent (db: Queryable, portal: string, ids?: readonly string[]): Promise<void> {
  await db.query('delete from sweep.absent where portal = $1 and ($2::text[] is null or deal_id = any($2::text[]))', [portal, ids ?? null])
}
