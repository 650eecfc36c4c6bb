import type { Queryable } from '../../platform/postgres.ts'

/** The attempt has ended the signals it covers: applied, unchanged, skipped or parked. */
export interface EndSettlement {
  readonly kind: 'end'
  readonly attemptId: string
  readonly status: 'idle' | 'parked'
  readonly coveredOffset: bigint
  readonly coveredCount: number
  readonly link: string | null
  readonly writtenHash: string | null
  readonly modifiedAt: number | null
  readonly hash: string | null
  readonly reason: string | null
}

/** The deal is worked on again after `delayMs`. `link`: null forgets it, undefined keeps it. */
export interface AgainSettlement {
  readonly kind: 'again'
  readonly attemptId: string
  readonly status: 'waiting' | 'deferred'
  readonly delayMs: number
  readonly tries: number
  readonly link?: string | null
  readonly reason: string | null
}

export type Settlement = EndSettlement | AgainSettlement

// A row is found by its attempt alone: whoever settles late finds nothing and changes nothing (rule `settleByAttempt`).
const STANDS = 'w.attempt_id = s.attempt_id and w.status in (\'claimed\', \'intended\', \'unknown\')'

/**
 * Settles ends. The row stays waiting when a signal lies beyond what was covered (rules `staysDirty`, `parkDirty`),
 * and a suspect row never learns a written hash. An edit goes for good with the end of a state that it is not for. Gives the attempt ids whose row stood.
 */
export async function settleEnds (db: Queryable, ends: readonly EndSettlement[]): Promise<Set<string>> {
  if (ends.length === 0) return new Set()
  const { rows } = await db.query<{ attempt_id: string }>({
    name: 'settle-ends',
    text: `
      update dispatch.work w
      set status = case when w.last_offset > s.covered_offset or w.dirty then 'waiting' else s.status end,
        covered_offset = greatest(w.covered_offset, s.covered_offset), covered_count = greatest(w.covered_count, s.covered_count),
        claim_since = null, due_at = now(), tries = 0, intent_state = null, intent_kind = null, intent_epoch = null, reason = s.reason,
        link = s.link, written_hash = case when w.suspect then null else s.written_hash end,
        ended_modified = coalesce(s.modified, w.ended_modified), ended_hash = coalesce(s.hash, w.ended_hash),
        attempted_modified = greatest(w.attempted_modified, s.modified),
        attempted_hash = case when s.modified is null or w.attempted_modified > s.modified then w.attempted_hash else s.hash end,
        edit = case when s.hash is null or s.hash = w.edit_of then w.edit end, attempt_id = null
      from unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[])
        as s (attempt_id, status, covered_offset, covered_count, link, written_hash, modified, hash, reason)
      where ${STANDS}
      returning s.attempt_id`,
    values: [ends.map(e => e.attemptId), ends.map(e => e.status), ends.map(e => e.coveredOffset), ends.map(e => e.coveredCount), ends.map(e => e.link),
      ends.map(e => e.writtenHash), ends.map(e => e.modifiedAt), ends.map(e => e.hash), ends.map(e => e.reason)]
  })
  return new Set(rows.map(row => row.attempt_id))
}

/** Puts deals back to wait; one that failed waits in the lane of retries, unless its own comes later. Gives the attempt ids whose row stood. */
export async function settleAgain (db: Queryable, again: readonly AgainSettlement[]): Promise<Set<string>> {
  if (again.length === 0) return new Set()
  const { rows } = await db.query<{ attempt_id: string }>({
    name: 'settle-again',
    text: `
      update dispatch.work w
      set status = s.status, due_at = now() + s.delay * interval '1 millisecond', tries = s.tries, reason = s.reason,
        lane = case when s.status = 'deferred' then greatest(w.lane, 1) else w.lane end,
        intent_state = null, intent_kind = null, intent_epoch = null, link = case when s.keep_link then w.link else s.link end, attempt_id = null
      from unnest($1::text[], $2::text[], $3::float8[], $4::integer[], $5::boolean[], $6::text[], $7::text[])
        as s (attempt_id, status, delay, tries, keep_link, link, reason)
      where ${STANDS}
      returning s.attempt_id`,
    values: [again.map(a => a.attemptId), again.map(a => a.status), again.map(a => a.delayMs), again.map(a => a.tries),
      again.map(a => a.link === undefined), again.map(a => a.link ?? null), again.map(a => a.reason)]
  })
  return new Set(rows.map(row => row.attempt_id))
}

/** An answered write whose attempt is gone: its effect may stand over a newer one, so the deal is done again (rule `zombieTells`). */
export async function markSuspect (db: Queryable, deal: { portal: string, dealId: string }): Promise<void> {
  await db.query(`
    update dispatch.work
    set suspect = true, dirty = true, written_hash = null, skip_offset = null, due_at = now(), dirty_since = coalesce(dirty_since, now()),
      status = case when status in ('idle', 'parked') then 'waiting' else status end
    where portal = $1 and deal_id = $2`, [deal.portal, deal.dealId])
}
