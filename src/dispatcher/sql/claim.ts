import { LANES } from '../../domain/schedule/lane.ts'
import type { Lane } from '../../domain/schedule/lane.ts'
import type { Share } from '../../domain/schedule/share.ts'
import { readEdit } from '../../domain/signal/edit.ts'
import type { Standing } from '../../domain/signal/order.ts'
import type { Queryable } from '../../platform/postgres.ts'
import type { Claim } from '../work.ts'

interface Row {
  portal: string
  deal_id: string
  target: string
  lane: number
  attempt_id: string
  attempt_no: number
  claim_offset: bigint
  claim_count: number
  claim_since: Date | null
  correlation_id: string
  causation_id: string | null
  tries: number
  link: string | null
  written_hash: string | null
  attempted_modified: bigint | null
  attempted_hash: string | null
  standing: Standing
  edit: string | null
  edit_of: string | null
}

/**
 * How many deals of a target are due, by lane and source portal; counted up to `most` each. Jumps from one pair of lane and
 * portal to the next in the index, so that what it reads depends on the pairs and on `most`, not on how many deals wait.
 */
export async function countDue (db: Queryable, wanted: { target: string, most: number, stopped: readonly string[] }): Promise<Share[]> {
  const { rows } = await db.query<{ lane: number, portal: string, deals: number }>({ name: 'count-due', text: COUNT_DUE, values: [wanted.target, wanted.most, wanted.stopped] })
  return rows.map(({ lane, portal, deals }) => ({ lane: laneAt(lane), portal, deals }))
}

/** The same for these pairs alone. */
export async function countPairs (db: Queryable, wanted: { target: string, most: number, pairs: readonly Pick<Share, 'lane' | 'portal'>[] }): Promise<Share[]> {
  const { target, most, pairs } = wanted
  const { rows } = await db.query<{ lane: number, portal: string, deals: number }>({ name: 'count-pairs', text: COUNT_PAIRS, values: [target, most, pairs.map(pair => LANES.indexOf(pair.lane)), pairs.map(pair => pair.portal)] })
  return rows.map(({ lane, portal, deals }) => ({ lane: laneAt(lane), portal, deals }))
}

const COUNTED = `
    select count(*)::integer as deals from (
      select from dispatch.work w
      where w.target = $1 and w.lane = p.lane and w.portal = p.portal and status in ('waiting', 'deferred') and due_at <= now() limit $2) w`

const COUNT_PAIRS = `select p.lane, p.portal, d.deals from unnest($3::smallint[], $4::text[]) as p (lane, portal) cross join lateral (${COUNTED}) d`

/** Exported for the test that looks at its plan. */
export const COUNT_DUE = `
  with recursive pair as (
    (select lane, portal from dispatch.work where target = $1 and status in ('waiting', 'deferred') order by lane, portal limit 1)
    union all
    select n.lane, n.portal from pair p cross join lateral (
      select lane, portal from dispatch.work
      where target = $1 and status in ('waiting', 'deferred') and (lane, portal) > (p.lane, p.portal) order by lane, portal limit 1) n
  )
  select p.lane, p.portal, d.deals from pair p cross join lateral (${COUNTED}) d
  where p.portal <> all($3::text[]) and d.deals > 0`

/**
 * Claims what was allotted of the due deals of a target, the longest due first, and only while `epoch` owns the lease.
 * `claim_offset` is the last signal at this moment: the read begins after it (rule `coveredFirst`).
 */
export async function claimDue (db: Queryable, wanted: { target: string, epoch: number, takes: readonly Share[] }): Promise<Claim[]> {
  const { takes } = wanted
  const { rows } = await db.query<Row>({
    name: 'claim-due', text: CLAIM_DUE,
    values: [wanted.target, wanted.epoch, takes.map(take => LANES.indexOf(take.lane)), takes.map(take => take.portal), takes.map(take => take.deals)]
  })
  return rows.map(toClaim)
}

/** Exported for the test that looks at its plan. */
export const CLAIM_DUE = `
  update dispatch.work w
  set status = 'claimed', claim_epoch = $2, claim_offset = w.last_offset, claim_count = w.signal_count,
    claim_since = coalesce(w.claim_since, w.dirty_since), dirty_since = null, dirty = false,
    attempt_no = w.attempt_no + 1, attempt_id = gen_random_uuid()::text
  -- By place: joined by their key, the few picked rows were looked for in the whole table.
  where w.ctid = any(array(
      select d.place from unnest($3::smallint[], $4::text[], $5::integer[]) as t (lane, portal, deals) cross join lateral (
        select due.ctid as place from dispatch.work due
        where due.target = $1 and due.lane = t.lane and due.portal = t.portal and due.status in ('waiting', 'deferred') and due.due_at <= now()
        order by due.due_at, due.deal_id limit t.deals) d))
    and w.status in ('waiting', 'deferred') and exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2)
  returning w.portal, w.deal_id, w.target, w.lane, w.attempt_id, w.attempt_no, w.claim_offset, w.claim_count, w.claim_since,
    w.correlation_id, w.causation_id, w.tries, w.link, w.written_hash, w.attempted_modified, w.attempted_hash,
    case when w.held then 'held' when w.skip_offset = w.last_offset and w.covered_offset < w.last_offset then 'skipped' end as standing, w.edit, w.edit_of`

/**
 * Lets the claims of former owners wait again: they promise nothing to the outside (rule `reclaim`). Asked before every pick
 * and not once per epoch, since a claim of the former owner may commit after the take-over. Gives their number.
 */
export async function freeFormer (db: Queryable, wanted: { target: string, epoch: number }): Promise<number> {
  const { rowCount } = await db.query({
    name: 'free-former',
    text: 'update dispatch.work set status = \'waiting\' where target = $1 and status = \'claimed\' and claim_epoch < $2',
    values: [wanted.target, wanted.epoch]
  })
  return rowCount ?? 0
}

function laneAt (rank: number): Lane {
  return LANES[rank] ?? 'live'
}

function toClaim (row: Row): Claim {
  return {
    portal: row.portal, dealId: row.deal_id, target: row.target, lane: laneAt(row.lane), attemptId: row.attempt_id, attemptNo: row.attempt_no,
    coveredOffset: row.claim_offset, coveredCount: row.claim_count, signalledAt: row.claim_since?.getTime() ?? 0,
    correlationId: row.correlation_id, causationId: row.causation_id, tries: row.tries, link: row.link, writtenHash: row.written_hash,
    standing: row.standing, edit: row.edit === null ? null : readEdit(row.edit, row.edit_of ?? ''),
    known: row.attempted_modified === null ? null : { modifiedAt: Number(row.attempted_modified), hash: row.attempted_hash ?? '' }
  }
}

/** Frees claims of this epoch that no memory holds: left by a claim whose answer was lost. Gives their number. */
export async function freeOrphans (db: Queryable, wanted: { target: string, epoch: number, held: readonly string[] }): Promise<number> {
  const { rowCount } = await db.query(`
    update dispatch.work set status = 'waiting'
    where target = $1 and status = 'claimed' and claim_epoch = $2 and attempt_id <> all($3::text[])`,
  [wanted.target, wanted.epoch, wanted.held])
  return rowCount ?? 0
}
