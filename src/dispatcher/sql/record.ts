import type { CarriedKind, RecordRef } from '../../domain/mapping/carried.ts'
import type { Version } from '../../domain/transfer/version.ts'
import type { Queryable } from '../../platform/postgres.ts'
import { keepJob, recallJob } from '../records/record.ts'
import type { RecordClaim, RecordJob } from '../records/record.ts'

interface Row {
  portal: string
  kind: CarriedKind
  source_id: string
  status: 'idle' | 'claimed' | 'intended' | 'unknown'
  attempt_id: string
  link: string | null
  adopted: boolean
  written_hash: string | null
  attempted_modified: bigint | null
  attempted_hash: string | null
}

/** A record's row without a claim of ours. */
export type StandingRecord = Omit<RecordClaim, 'attemptId' | 'target'> & { readonly status: Row['status'] }

type Wanted = RecordRef & { readonly portal: string }

const COLUMNS = 'r.portal, r.kind, r.source_id, r.status, r.attempt_id, r.link, r.adopted, r.written_hash, r.attempted_modified, r.attempted_hash'

function known (row: Row): Version | null {
  return row.attempted_modified === null ? null : { modifiedAt: Number(row.attempted_modified), hash: row.attempted_hash ?? '' }
}

function columnsOf (records: readonly Wanted[]): [string[], string[], string[]] {
  return [records.map(r => r.portal), records.map(r => r.kind), records.map(r => r.sourceId)]
}

/** The rows that exist of these records. */
export async function findRecords (db: Queryable, target: string, records: readonly Wanted[]): Promise<StandingRecord[]> {
  const { rows } = await db.query<Row>({
    name: 'find-records',
    text: `select ${COLUMNS} from dispatch.record r join unnest($2::text[], $3::text[], $4::text[]) as w (portal, kind, source_id) using (portal, kind, source_id) where r.target = $1`,
    values: [target, ...columnsOf(records)]
  })
  return rows.map(row => ({ portal: row.portal, kind: row.kind, sourceId: row.source_id, status: row.status, link: row.link, adopted: row.adopted, writtenHash: row.written_hash, known: known(row) }))
}

/**
 * Claims records for one transfer each, while `epoch` owns the lease. A row in an intent is never claimed, nor one that this
 * process holds (`held` attempts); a claim of an older epoch, or one whose answer was lost, is simply taken again.
 * A suspicion ends here, its hash being gone: the record is read after this, and so after the effect that was suspected. One that is
 * raised from now on stays, and costs another round. Kept instead, it would never learn the hash of what stands, and go round for ever.
 */
export async function claimRecords (db: Queryable, wanted: { target: string, epoch: number, claims: readonly (Wanted & { readonly attemptId: string })[], held: readonly string[] }): Promise<RecordClaim[]> {
  const { target, epoch } = wanted
  // In the order of their keys: two statements never lock rows crosswise.
  const claims = wanted.claims.toSorted((a, b) => keyOf(a) < keyOf(b) ? -1 : 1)
  const { rows } = await db.query<Row>({
    name: 'claim-records',
    text: `
      insert into dispatch.record as r (target, portal, kind, source_id, status, claim_epoch, attempt_id)
      select $1, c.portal, c.kind, c.source_id, 'claimed', $2, c.attempt_id
      from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as c (portal, kind, source_id, attempt_id)
      where exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2 and l.expires_at > now())
      on conflict (target, portal, kind, source_id) do update
      set status = 'claimed', claim_epoch = excluded.claim_epoch, attempt_id = excluded.attempt_id, suspect = false
      where r.status = 'idle' or r.status = 'claimed' and (r.claim_epoch < excluded.claim_epoch or r.claim_epoch = excluded.claim_epoch and r.attempt_id <> all($7::text[]))
      returning ${COLUMNS}`,
    values: [target, epoch, ...columnsOf(claims), claims.map(c => c.attemptId), wanted.held]
  })
  return rows.map(row => ({ portal: row.portal, kind: row.kind, sourceId: row.source_id, target, attemptId: row.attempt_id, link: row.link, adopted: row.adopted, writtenHash: row.written_hash, known: known(row) }))
}

function keyOf (record: Wanted): string {
  return `${record.portal} ${record.kind} ${record.sourceId}`
}

/**
 * Commits what is about to be sent about records, right before the call, as `commitIntents` does for deals: it names claim and
 * epoch, keeps a link that the look-up found, raises the highest attempted version and clears the written hash.
 * Gives the attempt ids that may be sent; any other must not.
 */
export async function commitRecordIntents (db: Queryable, wanted: { target: string, epoch: number, jobs: readonly RecordJob[] }): Promise<Set<string>> {
  const { jobs } = wanted
  const { rows } = await db.query<{ attempt_id: string }>({
    name: 'commit-record-intents',
    text: `
      update dispatch.record r
      set status = 'intended', intent_kind = i.intent, intent_epoch = $2, intent_state = i.kept, suspect = false,
        link = coalesce(i.link, r.link), written_hash = null,
        attempted_modified = greatest(r.attempted_modified, i.modified),
        attempted_hash = case when r.attempted_modified > i.modified then r.attempted_hash else i.hash end
      from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[])
        as i (portal, kind, source_id, attempt_id, intent, kept, link, modified, hash)
      where r.target = $1 and r.portal = i.portal and r.kind = i.kind and r.source_id = i.source_id
        and r.attempt_id = i.attempt_id and r.status = 'claimed' and r.claim_epoch = $2
        and exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2 and l.expires_at > now())
      returning r.attempt_id`,
    values: [wanted.target, wanted.epoch, ...columnsOf(jobs.map(job => job.claim)), jobs.map(job => job.claim.attemptId), jobs.map(job => job.write?.kind ?? ''), jobs.map(keepJob),
      jobs.map(job => job.claim.link), jobs.map(job => job.need.version.modifiedAt), jobs.map(job => job.need.version.hash)]
  })
  return new Set(rows.map(row => row.attempt_id))
}

/** How a record's row is left: what its link is, and the hash of what surely stands. `version`: what was attempted or found to stand. */
export interface RecordSettlement { readonly claim: RecordClaim, readonly link: string | null, readonly adopted: boolean, readonly hash: string | null, readonly version: Version | null }

/** Frees rows by the attempt that held them; gives the attempts whose row stood (rule `settleByAttempt`). A suspect row never learns a hash. */
export async function settleRecords (db: Queryable, settlements: readonly RecordSettlement[]): Promise<Set<string>> {
  const claims = settlements.map(s => s.claim)
  const { rows } = await db.query<{ attempt_id: string }>({
    name: 'settle-records',
    text: `
      update dispatch.record r
      set status = 'idle', intent_kind = null, intent_epoch = null, intent_state = null, attempt_id = null,
        link = s.link, adopted = s.adopted, written_hash = case when r.suspect then null else s.hash end,
        attempted_modified = greatest(r.attempted_modified, s.modified),
        attempted_hash = case when s.modified is null or r.attempted_modified > s.modified then r.attempted_hash else s.version end
      from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[], $9::bigint[], $10::text[])
        as s (portal, kind, source_id, target, attempt_id, link, adopted, hash, modified, version)
      where r.target = s.target and r.portal = s.portal and r.kind = s.kind and r.source_id = s.source_id
        and r.attempt_id = s.attempt_id and r.status in ('claimed', 'intended', 'unknown')
      returning s.attempt_id`,
    values: [...columnsOf(claims), claims.map(c => c.target), claims.map(c => c.attemptId), settlements.map(s => s.link), settlements.map(s => s.adopted),
      settlements.map(s => s.hash), settlements.map(s => s.version?.modifiedAt ?? null), settlements.map(s => s.version?.hash ?? null)]
  })
  return new Set(rows.map(row => row.attempt_id))
}

/** Every intent that stands about records of a target. */
export async function openRecordIntents (db: Queryable, target: string): Promise<RecordJob[]> {
  const { rows } = await db.query<{ intent_state: string }>('select intent_state from dispatch.record where target = $1 and status in (\'intended\', \'unknown\')', [target])
  return rows.map(row => recallJob(row.intent_state))
}

/** Marks attempts as unknown: nothing of these records is sent until they have been looked up (rule `unknownBlocks`). */
export async function markRecordsUnknown (db: Queryable, jobs: readonly RecordJob[]): Promise<void> {
  await db.query(`
    update dispatch.record r set status = 'unknown' from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as u (portal, kind, source_id, attempt_id)
    where r.target = $1 and r.portal = u.portal and r.kind = u.kind and r.source_id = u.source_id and r.attempt_id = u.attempt_id and r.status = 'intended'`,
  [jobs[0]?.claim.target ?? '', ...columnsOf(jobs.map(job => job.claim)), jobs.map(job => job.claim.attemptId)])
}

/** An answered write whose attempt is gone: its effect may stand over a newer one, so nothing is sure about the record (rule `zombieTells`). */
export async function suspectRecord (db: Queryable, record: RecordClaim): Promise<void> {
  await db.query('update dispatch.record set suspect = true, written_hash = null where target = $1 and portal = $2 and kind = $3 and source_id = $4', [record.target, record.portal, record.kind, record.sourceId])
}

/** Why a deal waits while a record that it needs is unknown. */
export const RECORD_UNKNOWN = 'record_unknown'

/** Makes the deals due that wait for unknown records; one whose record is still unknown waits again. */
export async function wakeDeals (db: Queryable, target: string): Promise<void> {
  await db.query('update dispatch.work set due_at = now() where target = $1 and status = \'waiting\' and reason = $2 and due_at > now()', [target, RECORD_UNKNOWN])
}
