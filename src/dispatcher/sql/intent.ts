import type { Queryable } from '../../platform/postgres.ts'
import { keepIntent, recallIntent } from '../work.ts'
import type { OpenIntent, Planned } from '../work.ts'

/**
 * Commits what is about to be sent, right before the call. Names claim and epoch and refuses when the lease is gone;
 * stores a link that the look-up found; raises the highest attempted version; clears the written hash, which only a
 * success sets again (rules `intentFirst`, `epochAtIntent`, `voidAtIntent`, `lagByAttempt`).
 * Gives the attempt ids that may be sent; any other must not.
 */
export async function commitIntents (db: Queryable, wanted: { target: string, epoch: number, planned: readonly Planned[] }): Promise<Set<string>> {
  const { planned } = wanted
  const { rows } = await db.query<{ attempt_id: string }>({
    name: 'commit-intents',
    text: `
      update dispatch.work w
      set status = 'intended', intent_kind = i.kind, intent_epoch = $2, intent_state = i.kept, suspect = false,
        link = coalesce(i.link, w.link), written_hash = null,
        attempted_modified = greatest(w.attempted_modified, i.modified), 
        attempted_hash = case when w.attempted_modified > i.modified then w.attempted_hash else i.hash end
      from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[]) as i (attempt_id, kind, kept, link, modified, hash)
      where w.attempt_id = i.attempt_id and w.target = $1 and w.status = 'claimed' and w.claim_epoch = $2
        and exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2 and l.expires_at > now())
      returning w.attempt_id`,
    values: [wanted.target, wanted.epoch, planned.map(p => p.claim.attemptId), planned.map(p => p.write.kind), planned.map(keepIntent),
      planned.map(p => p.write.kind === 'create' ? null : p.write.link), planned.map(p => p.version.modifiedAt), planned.map(p => p.version.hash)]
  })
  return new Set(rows.map(row => row.attempt_id))
}

/** Every intent that stands: left by a former owner, or without an answer. */
export async function openIntents (db: Queryable, target: string): Promise<OpenIntent[]> {
  const { rows } = await db.query<{ status: 'intended' | 'unknown', intent_state: string }>(
    'select status, intent_state from dispatch.work where target = $1 and status in (\'intended\', \'unknown\')', [target])
  return rows.map(row => ({ status: row.status, planned: recallIntent(row.intent_state) }))
}

/** Marks attempts as unknown: nothing of these deals is sent until they have been looked up (rule `unknownBlocks`). */
export async function markUnknown (db: Queryable, attemptIds: readonly string[]): Promise<void> {
  await db.query('update dispatch.work set status = \'unknown\' where attempt_id = any($1::text[]) and status in (\'intended\', \'unknown\')', [attemptIds])
}
