import { readEdit } from '../../domain/signal/edit.ts'
import type { Standing } from '../../domain/signal/order.ts'
import type { Queryable } from '../../platform/postgres.ts'
import type { Claim } from '../work.ts'

interface Row {
  portal: string
  deal_id: string
  target: string
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
 * Claims up to `limit` due deals of a target, one from each source portal in turn, and only while `epoch` owns the
 * lease. A claim of an older epoch promises nothing to the outside and is simply taken again (rule `reclaim`).
 * `claim_offset` is the last signal at this moment: the read begins after it (rule `coveredFirst`).
 */
export async function claimDue (db: Queryable, wanted: { target: string, epoch: number, limit: number, stopped: readonly string[] }): Promise<Claim[]> {
  const { rows } = await db.query<Row>({
    name: 'claim-due',
    text: `
      with due as (
        select portal, deal_id, row_number() over (partition by portal order by due_at, deal_id) as turn
        from dispatch.work
        where target = $1 and portal <> all($4::text[])
          and (status in ('waiting', 'deferred') and due_at <= now() or status = 'claimed' and claim_epoch < $2)
      ), picked as (select portal, deal_id from due order by turn limit $3)
      update dispatch.work w
      set status = 'claimed', claim_epoch = $2, claim_offset = w.last_offset, claim_count = w.signal_count,
        claim_since = coalesce(w.claim_since, w.dirty_since), dirty_since = null, dirty = false,
        attempt_no = w.attempt_no + 1, attempt_id = gen_random_uuid()::text
      from picked p
      where w.portal = p.portal and w.deal_id = p.deal_id
        and (w.status in ('waiting', 'deferred') or w.status = 'claimed' and w.claim_epoch < $2)
        and exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2)
      returning w.portal, w.deal_id, w.target, w.attempt_id, w.attempt_no, w.claim_offset, w.claim_count, w.claim_since,
        w.correlation_id, w.causation_id, w.tries, w.link, w.written_hash, w.attempted_modified, w.attempted_hash,
        case when w.held then 'held' when w.skip_offset = w.last_offset and w.covered_offset < w.last_offset then 'skipped' end as standing, w.edit, w.edit_of`,
    values: [wanted.target, wanted.epoch, wanted.limit, wanted.stopped]
  })
  return rows.map(toClaim)
}

function toClaim (row: Row): Claim {
  return {
    portal: row.portal, dealId: row.deal_id, target: row.target, attemptId: row.attempt_id, attemptNo: row.attempt_no,
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
