import type { Queryable } from '../../platform/postgres.ts'

/** What the log says of one deal beyond its row: the newest attempt, and the last end with what stood then. */
export interface Told {
  readonly portal: string
  readonly dealId: string
  readonly target: string
  readonly attemptNo: number
  readonly status: 'idle' | 'parked'
  readonly coveredOffset: bigint
  readonly coveredCount: number
  readonly link: string | null
  readonly modifiedAt: number | null
  readonly hash: string | null
  readonly reason: string | null
}

/**
 * Brings rows up to what the log says of them, and makes those that are missing. Only rows that have forgotten an attempt are
 * touched: in a database that forgot nothing there are none. Gives their number.
 * The written hash is not known from the log, so the deal's next signal writes it once more.
 */
export async function bringUp (db: Queryable, told: readonly Told[]): Promise<number> {
  if (told.length === 0) return 0
  const { rowCount } = await db.query(`
    insert into dispatch.work as w (portal, deal_id, target, attempt_no, status, covered_offset, covered_count, link, ended_modified, ended_hash, attempted_modified, attempted_hash, reason)
    select portal, deal_id, target, attempt_no, status, covered_offset, covered_count, link, modified, hash, modified, hash, reason
    from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::bigint[], $7::integer[], $8::text[], $9::bigint[], $10::text[], $11::text[])
      as s (portal, deal_id, target, attempt_no, status, covered_offset, covered_count, link, modified, hash, reason)
    on conflict (portal, deal_id) do update
    set attempt_no = excluded.attempt_no, covered_offset = greatest(w.covered_offset, excluded.covered_offset), covered_count = greatest(w.covered_count, excluded.covered_count),
      link = coalesce(excluded.link, w.link), written_hash = null, ended_modified = coalesce(excluded.ended_modified, w.ended_modified), ended_hash = coalesce(excluded.ended_hash, w.ended_hash),
      attempted_modified = greatest(w.attempted_modified, excluded.attempted_modified),
      attempted_hash = case when w.attempted_modified > excluded.attempted_modified or excluded.attempted_modified is null then w.attempted_hash else excluded.attempted_hash end,
      status = case when w.status in ('idle', 'parked', 'waiting', 'deferred') and w.last_offset <= excluded.covered_offset then excluded.status else w.status end, reason = excluded.reason
    where w.attempt_no < excluded.attempt_no and w.target = excluded.target and w.status not in ('intended', 'unknown')`,
  [told.map(t => t.portal), told.map(t => t.dealId), told.map(t => t.target), told.map(t => t.attemptNo), told.map(t => t.status), told.map(t => t.coveredOffset),
    told.map(t => t.coveredCount), told.map(t => t.link), told.map(t => t.modifiedAt), told.map(t => t.hash), told.map(t => t.reason)])
  return rowCount ?? 0
}

/** Ends a lease whose epoch the log has seen already, so that the next one lies above `seen`. */
export async function outgrow (db: Queryable, lease: { readonly target: string, readonly epoch: number, readonly seen: number }): Promise<void> {
  await db.query('update dispatch.lease set epoch = greatest(epoch, $3), expires_at = now() - interval \'1 millisecond\' where target = $1 and epoch = $2', [lease.target, lease.epoch, lease.seen])
}
