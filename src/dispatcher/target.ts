import type { PortalClient } from '../bitrix24/client.ts'
import type { Slot } from '../bitrix24/limiter.ts'
import { isPageFull, readItem, readLookUp } from '../bitrix24/read.ts'
import type { TargetDeal } from '../bitrix24/read.ts'
import type { Fate } from '../bitrix24/response.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { commandsOf } from './load.ts'
import type { Load } from './load.ts'
import { failed, parked, succeeded, superseded, waitAgain } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import type { RecordResult } from './records/record.ts'
import { judgeRecords } from './records/travel.ts'
import type { Planned } from './work.ts'

/** What came of a load. `unknown` writes may have had their effect; `found` is null when the look-up itself failed. */
export interface LoadResult {
  readonly outcomes: readonly Outcome[]
  readonly unknown: readonly Planned[]
  readonly found: ReadonlyMap<string, TargetDeal> | null
  /** The look-up gave a whole page: what it does not name may stand on the next one, and is looked up again. */
  readonly isPageFull: boolean
  readonly records: readonly RecordResult[]
  readonly portalFailure: Failure | null
  /** The request was refused as a whole, though it carried several things: nobody knows which of them is meant, and none was done. */
  readonly isRefused: boolean
}

/** Sends one load whose intents are committed. Each command's fate is known by its key. */
export async function sendLoad (client: PortalClient, load: Load, how: { slot: Slot, notAfter: number, epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): Promise<LoadResult> {
  const { writes, lookUps, records } = load
  const isWrite = writes.length > 0 || records.some(job => job.write !== null)
  const options = { intent: isWrite ? 'write' as const : 'read' as const, slot: how.slot, notAfter: how.notAfter, headers: { 'x-dealbridge-epoch': String(how.epoch) } }
  const commands = commandsOf(load)
  const look = lookUps.length > 0
  const [only] = commands.size === 1 && isWrite ? commands.values() : []
  if (only !== undefined) {
    const answer = await client.call(only.method, only.params, options)
    const fate: Fate = answer.kind === 'ok' ? { kind: 'ok', result: answer.result, time: answer.time } : answer
    return { ...judge(load, () => fate, how), isRefused: false }
  }
  const answer = await client.batch(commands, options)
  const isOne = writes.length + records.length + Math.min(1, lookUps.length) === 1
  const isRefused = answer.kind === 'failed' && !isOne && (answer.failure.class === 'permanent' || answer.failure.class === 'missing')
  const fate = answer.kind === 'failed' ? (): Fate => isRefused ? REFUSED : answer : answer.fate
  const found = look && answer.kind === 'ok' ? answer.fate('look') : undefined
  return { ...judge(load, fate, how), isRefused, ...found?.kind === 'ok' ? { found: readLookUp(found.result) ?? null, isPageFull: isPageFull(found.result) } : {} }
}

// The portal means the request, or one thing in it, and does not say which: nobody is parked for that.
const REFUSED: Fate = { kind: 'failed', failure: { class: 'unsent', code: 'batch_refused', detail: 'The target refused the whole request; each part of it is sent alone.' } }

function judge (load: Load, fate: (key: string) => Fate, how: { epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): Omit<LoadResult, 'isRefused'> {
  const judged = judgeWrites(load.writes, i => fate(`w${i}`), how)
  const records = judgeRecords(load.records, fate)
  const refusals = [...load.lookUps.length > 0 ? [portalFailure(fate('look'))] : [], ...records.map(result => result.kind === 'failed' && result.failure.class === 'portal' ? result.failure : null)]
  return { ...judged, records, found: null, isPageFull: false, portalFailure: judged.portalFailure ?? refusals.find(refusal => refusal !== null) ?? null }
}

function portalFailure (fate: Fate): Failure | null {
  return fate.kind === 'failed' && fate.failure.class === 'portal' ? fate.failure : null
}

function judgeWrites (writes: readonly Planned[], fateOf: (index: number) => Fate, how: { epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): { outcomes: Outcome[], unknown: Planned[], portalFailure: Failure | null } {
  const outcomes: Outcome[] = []
  const unknown: Planned[] = []
  let refusal: Failure | null = null
  writes.forEach((planned, i) => {
    const fate = fateOf(i)
    refusal ??= portalFailure(fate)
    const outcome = judgeWrite(planned, fate, how)
    if (outcome === 'unknown') unknown.push(planned)
    else outcomes.push(outcome)
  })
  return { outcomes, unknown, portalFailure: refusal }
}

function judgeWrite (planned: Planned, fate: Fate, how: { epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): Outcome | 'unknown' {
  const { claim, write } = planned
  if (fate.kind === 'none') return 'unknown'
  if (fate.kind === 'ok') return judgeAnswer(planned, fate.result, how.epoch)
  const { failure } = fate
  switch (failure.class) {
    case 'unknown': return 'unknown'
    case 'unsent': return waitAgain(claim, { delayMs: 500, reason: failure.code })
    case 'missing': {
      if (write.kind === 'delete') return succeeded(planned, write.link, how.epoch)
      if (how.targetMissing(claim.portal) === 'recreate') return superseded(planned, { reason: 'target_missing', link: null }, how.epoch)
      return parked(planned, { reason: 'target_missing', link: write.kind === 'update' ? write.link : null, detail: 'The target deal was deleted by a person. Restore it, or set on_target_missing: recreate, then ask for the transfer again.' }, how.epoch)
    }
    case 'permanent': return parked(planned, { reason: 'target_refused', link: write.kind === 'create' ? null : write.link, detail: `The target portal refused the deal (${failure.detail}). Correct the deal, the mapping or the target, then ask for the transfer again.` }, how.epoch)
    case 'transient':
    case 'throttled':
    case 'portal': return failed(claim, failure, how.epoch)
  }
}

/** A write's answer shows the deal as it stands: a stage that is not in the funnel is replaced silently, so it is compared. */
function judgeAnswer (planned: Planned, result: unknown, epoch: number): Outcome | 'unknown' {
  const { write } = planned
  if (write.kind === 'delete') return succeeded(planned, write.link, epoch)
  const item = readItem(result)
  if (item === undefined) return 'unknown'
  const wanted = write.fields['STAGE_ID']
  const stands = item.deal['STAGE_ID']
  if (wanted !== undefined && stands !== undefined && stands !== wanted) {
    return parked(planned, { reason: 'target_stage_refused', link: item.id, detail: `The target has no stage ${JSON.stringify(wanted)} in this funnel and put the deal into ${JSON.stringify(stands)}. Correct "stages" in the mapping, then ask for the transfer again.` }, epoch)
  }
  return succeeded(planned, item.id, epoch)
}
