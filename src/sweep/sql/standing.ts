import type { Version } from '../../domain/transfer/version.ts'
import type { Queryable } from '../../platform/postgres.ts'
import { UNKNOWN_DEAL } from '../compare.ts'
import type { Standing } from '../compare.ts'

interface Row {
  deal_id: string
  status: Standing['status']
  last_offset: bigint | null
  covered_offset: bigint | null
  claim_offset: bigint | null
  ended_modified: bigint | null
  ended_hash: string | null
  attempted_modified: bigint | null
  attempted_hash: string | null
  log_offset: bigint | null
  backfill: boolean | null
  linked: boolean
  held: boolean
}

/**
 * What is known of these deals of a portal, each id with an answer. The ended version stands in the dispatcher's work alone:
 * the read models hold no hash. One key is one partition, so offsets of a deal's signals can be compared.
 */
export async function readStandings (db: Queryable, portal: string, ids: readonly string[]): Promise<Map<string, Standing>> {
  const { rows } = await db.query<Row>(`
    select n.deal_id, w.status, w.last_offset, w.covered_offset, w.claim_offset, w.ended_modified, w.ended_hash,
      w.attempted_modified, w.attempted_hash, s.log_offset, s.backfill, w.link is not null as linked, coalesce(w.held and w.status = 'parked', false) as held
    from unnest($2::text[]) as n (deal_id)
    left join dispatch.work w on w.portal = $1 and w.deal_id = n.deal_id
    left join sweep.signalled s on s.portal = $1 and s.deal_id = n.deal_id`, [portal, ids])
  return new Map(rows.map(row => [row.deal_id, {
    status: row.status, lastOffset: row.last_offset ?? UNKNOWN_DEAL.lastOffset, coveredOffset: row.covered_offset ?? UNKNOWN_DEAL.coveredOffset,
    claimOffset: row.claim_offset ?? UNKNOWN_DEAL.claimOffset, ended: version(row.ended_modified, row.ended_hash),
    attempted: version(row.attempted_modified, row.attempted_hash), signalledOffset: row.log_offset, inBackfill: row.backfill ?? false, linked: row.linked, held: row.held
  }]))
}

function version (modified: bigint | null, hash: string | null): Version | null {
  return modified === null ? null : { modifiedAt: Number(modified), hash: hash ?? '' }
}

/** Remembers signals of the sweep until the dispatcher has ended them. */
export async function noteSignalled (db: Queryable, portal: string, signals: readonly { readonly dealId: string, readonly offset: bigint, readonly backfill: boolean }[]): Promise<void> {
  if (signals.length === 0) return
  await db.query(`
    insert into sweep.signalled as s (portal, deal_id, log_offset, backfill)
    select $1, deal_id, log_offset, backfill from unnest($2::text[], $3::bigint[], $4::boolean[]) as n (deal_id, log_offset, backfill)
    on conflict (portal, deal_id) do update
    set log_offset = greatest(s.log_offset, excluded.log_offset), backfill = case when excluded.log_offset > s.log_offset then excluded.backfill else s.backfill end`,
  [portal, signals.map(s => s.dealId), signals.map(s => s.offset), signals.map(s => s.backfill)])
}

/** How many signals of a portal's backfill have no end yet, as far as `forgetEnded` knows. */
export async function countBackfill (db: Queryable, portal: string): Promise<number> {
  const { rows } = await db.query<{ open: bigint }>('select count(*) as open from sweep.signalled where portal = $1 and backfill', [portal])
  return Number(rows[0]?.open ?? 0)
}

/** Forgets the signals of a portal that have their end. */
export async function forgetEnded (db: Queryable, portal: string): Promise<void> {
  await db.query(`
    delete from sweep.signalled s using dispatch.work w
    where s.portal = $1 and w.portal = s.portal and w.deal_id = s.deal_id and w.covered_offset >= s.log_offset`, [portal])
}
