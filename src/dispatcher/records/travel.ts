import type { Command } from '../../bitrix24/batch.ts'
import { LOOK_UP_METHOD } from '../../bitrix24/read.ts'
import { matchCommand, originCommand, readMatch, readOrigins, readRecord, recordCommand } from '../../bitrix24/record.ts'
import type { PortalRecord } from '../../bitrix24/record.ts'
import type { Fate } from '../../bitrix24/response.ts'
import { recordTravelsAlone, recordWriteCommand } from '../../bitrix24/write.ts'
import type { RecordWrite } from '../../bitrix24/write.ts'
import { multiChange, plainOf } from '../../domain/mapping/carried.ts'
import type { CarriedKind } from '../../domain/mapping/carried.ts'
import { UNANSWERED } from '../../domain/transfer/failure.ts'
import type { Failure } from '../../domain/transfer/failure.ts'
import { sameValue } from '../same-value.ts'
import { originIdOf } from './record.ts'
import type { RecordJob, RecordResult } from './record.ts'

const KINDS: readonly CarriedKind[] = ['company', 'contact']
// One for the ORIGIN pairs of each kind, beside what each record asks for itself.
const SHARED_COMMANDS = KINDS.length

/**
 * Takes the records off the queue whose commands fit into `room` commands of a request. One that must travel alone is given
 * alone, or left for the next request.
 */
export function takeRecords (queue: RecordJob[], room: number, mustBeAlone: (job: RecordJob) => boolean = isAlone): RecordJob[] {
  let left = room - SHARED_COMMANDS
  let count = 0
  for (const job of queue) {
    if (mustBeAlone(job)) return count === 0 ? queue.splice(0, 1) : queue.splice(0, count)
    left -= costOf(job)
    if (left < 0) break
    count += 1
  }
  return queue.splice(0, count)
}

/** True when nothing else may travel in the request of this record, since its text looks like a batch reference. */
export function isAlone (job: RecordJob): boolean {
  return job.write !== null && recordTravelsAlone(job.write)
}

/** At least one for each, so that no request asks for more ORIGIN pairs than a page shows: what a page leaves out would be made twice. */
function costOf ({ claim, need, write }: RecordJob): number {
  return write !== null || claim.link !== null ? 1 : Math.max(1, need.matches.length)
}

/** The methods that a job will need before its record is ready. */
export function methodsOf ({ claim, need, write }: RecordJob): string[] {
  if (write !== null) return [recordWriteCommand(write).method]
  if (claim.link !== null) return ['crm.item.get', 'crm.item.update']
  return [LOOK_UP_METHOD, 'crm.item.add', ...need.matches.some(match => match.by !== 'title') ? ['crm.duplicate.findbycomm'] : []]
}

/** The commands of a request about records, by keys of their own. */
export function recordCommands (jobs: readonly RecordJob[]): Map<string, Command> {
  const commands = new Map<string, Command>()
  for (const kind of KINDS) {
    const asked = jobs.filter(job => job.write === null && job.claim.link === null && job.claim.kind === kind)
    if (asked.length > 0) commands.set(`origin_${kind}`, originCommand(kind, asked.map(job => originIdOf(job.claim))))
  }
  jobs.forEach(({ claim, need, write }, i) => {
    if (write !== null) commands.set(`record${i}`, recordWriteCommand(write))
    else if (claim.link !== null) commands.set(`record${i}`, recordCommand(claim.kind, claim.link))
    else need.matches.forEach((match, m) => { const command = matchCommand(claim.kind, match); if (command !== null) commands.set(`match${i}_${m}`, command) })
  })
  return commands
}

/** What the request's answer means for each of its records. */
export function judgeRecords (jobs: readonly RecordJob[], fate: (key: string) => Fate): RecordResult[] {
  return jobs.map((job, i) => {
    if (job.write !== null) return judgeWrite(job, job.write, fate(`record${i}`))
    if (job.claim.link !== null) return judgeShown(job, fate(`record${i}`))
    return judgeLook(job, { origins: fate(`origin_${job.claim.kind}`), match: m => fate(`match${i}_${m}`) })
  })
}

function judgeShown (job: RecordJob, fate: Fate): RecordResult {
  const record = readRecord(fate)
  if (record === null) return { job, kind: 'again', link: null }
  return record === undefined ? refusedOrFailed(job, fate) : planWrite(job, record)
}

function judgeLook (job: RecordJob, fates: { origins: Fate, match: (m: number) => Fate }): RecordResult {
  const origins = fates.origins.kind === 'ok' ? readOrigins(fates.origins.result) : undefined
  if (origins === undefined) return refusedOrFailed(job, fates.origins)
  const own = origins.get(originIdOf(job.claim))
  if (own !== undefined) return planWrite(job, own)
  for (const [m, match] of job.need.matches.entries()) {
    if (matchCommand(job.claim.kind, match) === null) continue
    const fate = fates.match(m)
    const id = fate.kind === 'ok' ? readMatch(job.claim.kind, match, fate.result) : undefined
    if (id === undefined) return refusedOrFailed(job, fate)
    if (id !== null) return { job, kind: 'ready', link: id, adopted: true, hash: null, written: false }
  }
  return { job: { ...job, write: createOf(job) }, kind: 'next' }
}

/** What makes the record of a job anew. */
export function createOf ({ claim, need }: RecordJob): RecordWrite {
  return { kind: 'create', entity: claim.kind, fields: plainOf(need.fields), multi: multiChange(need.fields, []) ?? {}, originId: originIdOf(claim) }
}

/** A record of ours as it stands: nothing to do, or an update that says the difference alone. */
function planWrite (job: RecordJob, record: PortalRecord): RecordResult {
  const { claim, need } = job
  const plain = plainOf(need.fields)
  const multi = multiChange(need.fields, record.multi)
  const linked = { ...job, claim: { ...claim, link: record.id, adopted: false } }
  const stands = Object.entries(plain).every(([name, value]) => sameValue(name, value, record.fields[name]))
  if (multi === null && stands) return { job: linked, kind: 'ready', link: record.id, adopted: false, hash: need.hash, written: false }
  return { job: { ...linked, write: { kind: 'update', entity: claim.kind, link: record.id, fields: plain, multi: multi ?? {}, originId: originIdOf(claim) } }, kind: 'next' }
}

function judgeWrite (job: RecordJob, write: RecordWrite, fate: Fate): RecordResult {
  if (fate.kind === 'none') return { job, kind: 'unknown' }
  if (fate.kind === 'failed') {
    if (fate.failure.class === 'unknown') return { job, kind: 'unknown' }
    return fate.failure.class === 'missing' && write.kind === 'update' ? { job, kind: 'again', link: null } : refusedOrFailed(job, fate)
  }
  const record = readRecord(fate)
  if (record === undefined || record === null) return { job, kind: 'unknown' }
  return { job, kind: 'ready', link: record.id, adopted: false, hash: job.need.hash, written: true }
}

function refusedOrFailed (job: RecordJob, fate: Fate): RecordResult {
  // A question that got no answer has no effect that could be unknown.
  const failure: Failure = fate.kind === 'failed' && fate.failure.class !== 'unknown' ? fate.failure : UNANSWERED
  return failure.class === 'permanent' || failure.class === 'missing' ? { job, kind: 'refused', detail: failure.detail } : { job, kind: 'failed', failure }
}

/** Asks about records whose outcome is unknown, by link or by ORIGIN pair. */
export function unknownCommands (jobs: readonly RecordJob[]): Map<string, Command> {
  return new Map(jobs.map(({ claim }, i) => [`unknown${i}`, claim.link === null ? originCommand(claim.kind, [originIdOf(claim)]) : recordCommand(claim.kind, claim.link)]))
}

/** What stands of records whose outcome was unknown: they are gathered anew with the link that was found. Without a word of the target they are asked again. */
export function judgeUnknown (jobs: readonly RecordJob[], fate: (key: string) => Fate): RecordResult[] {
  return jobs.map((job, i): RecordResult => {
    const answer = fate(`unknown${i}`)
    const found = job.claim.link !== null ? readRecord(answer) : answer.kind === 'ok' ? foundByOrigin(job, answer.result) : undefined
    return found === undefined ? { job, kind: 'unknown' } : { job, kind: 'again', link: found?.id ?? null }
  })
}

function foundByOrigin ({ claim }: RecordJob, result: unknown): PortalRecord | null | undefined {
  const origins = readOrigins(result)
  return origins === undefined ? undefined : origins.get(originIdOf(claim)) ?? null
}
