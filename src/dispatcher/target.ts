import { mustTravelAlone, writeCommand, writeMethod } from '../bitrix24/write.ts'
import { BATCH_SIZE } from '../bitrix24/batch.ts'
import type { Command } from '../bitrix24/batch.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import type { Slot } from '../bitrix24/limiter.ts'
import { LOOK_UP_METHOD, isPageFull, lookUpCommand, readItem, readLookUp } from '../bitrix24/read.ts'
import type { TargetDeal } from '../bitrix24/read.ts'
import type { Fate } from '../bitrix24/response.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { failed, parked, succeeded, superseded, waitAgain } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import type { Turns } from './turns.ts'
import type { Planned } from './work.ts'

/** One request to the target: up to 50 commands, of which one may be the look-up for creates of the next request. */
export interface Load { readonly writes: readonly Planned[], readonly lookUps: readonly Planned[] }

/** What came of it. `unknown` writes may have had their effect; `found` is null when the look-up itself failed. */
export interface LoadResult {
  readonly outcomes: readonly Outcome[]
  readonly unknown: readonly Planned[]
  readonly found: ReadonlyMap<string, TargetDeal> | null
  /** The look-up gave a whole page: what it does not name may stand on the next one, and is looked up again. */
  readonly isPageFull: boolean
  readonly portalFailure: Failure | null
}

/** Creates that one look-up asks for. It answers a page of 50, of creates mostly none, so it costs next to nothing (decision 0009). */
const LOOK_UP_SIZE = 200

/**
 * Takes the next load off the queues: 50 writes, or 49 and a look-up, and of no method more than its time has room for.
 * A write whose text looks like a batch reference travels alone.
 */
export function takeLoad (ready: Planned[], toLookUp: Planned[], how: { client: Pick<PortalClient, 'room'>, turns: Turns, lookUpTurns: Turns }): Load {
  const lookUps = how.client.room(LOOK_UP_METHOD) > 0 ? how.lookUpTurns.take(toLookUp, LOOK_UP_SIZE) : []
  const writes = how.turns.take(ready, lookUps.length > 0 ? BATCH_SIZE - 1 : BATCH_SIZE, roomBy(how.client))
  const alone = writes.findIndex(p => mustTravelAlone(p.write))
  if (alone === -1) return { writes, lookUps }
  ready.unshift(...writes.splice(Math.max(1, alone)))
  if (alone > 0) return { writes, lookUps }
  toLookUp.unshift(...lookUps)
  return { writes, lookUps: [] }
}

/** Lets through as many writes of each method as its time has room for. */
function roomBy (client: Pick<PortalClient, 'room'>): (planned: Planned) => boolean {
  const left = new Map<string, number>()
  return ({ write }) => {
    const method = writeMethod(write)
    const room = left.get(method) ?? client.room(method)
    left.set(method, room - 1)
    return room > 0
  }
}

/** Whether a load taken now would carry anything: calls under way may have taken the rest of a method's time. */
export function canSend (ready: readonly Planned[], toLookUp: readonly Planned[], client: Pick<PortalClient, 'room'>): boolean {
  return ready.some(roomBy(client)) || (toLookUp.length > 0 && client.room(LOOK_UP_METHOD) > 0)
}

/** The methods of a load's commands, one entry each. */
export function methodsOf ({ writes, lookUps }: Load): string[] {
  return ['batch', ...writes.map(p => writeMethod(p.write)), ...lookUps.length > 0 ? [LOOK_UP_METHOD] : []]
}

/**
 * Takes the deals off the queues whose method's time is used up in the target, to wait for it without a request: the
 * target would refuse them, and the budget would be spent. A create needs its look-up as well.
 */
export function takeHeld (ready: Planned[], toLookUp: Planned[], client: Pick<PortalClient, 'heldMs'>): Outcome[] {
  const held: Outcome[] = []
  const isFree = (planned: Planned, methods: readonly string[]): boolean => {
    const delayMs = Math.max(...methods.map(method => client.heldMs(method)))
    if (delayMs > 0) held.push(waitAgain(planned.claim, { delayMs, reason: 'OPERATION_TIME_LIMIT' }))
    return delayMs === 0
  }
  ready.splice(0, ready.length, ...ready.filter(p => isFree(p, [writeMethod(p.write)])))
  toLookUp.splice(0, toLookUp.length, ...toLookUp.filter(p => isFree(p, [LOOK_UP_METHOD, writeMethod(p.write)])))
  return held
}

/** Sends one load whose intents are committed. Each command's fate is known by its key. */
export async function sendLoad (client: PortalClient, load: Load, how: { slot: Slot, notAfter: number, epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): Promise<LoadResult> {
  const { writes, lookUps } = load
  const options = { intent: writes.length > 0 ? 'write' as const : 'read' as const, slot: how.slot, notAfter: how.notAfter, headers: { 'x-dealbridge-epoch': String(how.epoch) } }
  const only = writes[0]
  if (writes.length === 1 && lookUps.length === 0 && only !== undefined) {
    const { method, params } = writeCommand(only.write)
    const answer = await client.call(method, params, options)
    const fate: Fate = answer.kind === 'ok' ? { kind: 'ok', result: answer.result, time: answer.time } : answer
    return { ...judgeWrites(writes, () => fate, how), found: null, isPageFull: false }
  }
  const commands = new Map<string, Command>(writes.map((p, i) => [`w${i}`, writeCommand(p.write)]))
  if (lookUps.length > 0) commands.set('look', lookUpCommand(lookUps.map(originOf)))
  const answer = await client.batch(commands, options)
  if (answer.kind === 'failed') {
    const fate: Fate = answer
    return { ...judgeWrites(writes, () => fate, how), found: null, isPageFull: false, portalFailure: portalFailure(fate) }
  }
  const look = lookUps.length > 0 ? answer.fate('look') : undefined
  const judged = judgeWrites(writes, i => answer.fate(`w${i}`), how)
  return {
    ...judged,
    found: look?.kind === 'ok' ? readLookUp(look.result) ?? null : null,
    isPageFull: look?.kind === 'ok' && isPageFull(look.result),
    portalFailure: judged.portalFailure ?? (look === undefined ? null : portalFailure(look))
  }
}

export function originOf (planned: Planned): string {
  return `${planned.claim.portal}:${planned.claim.dealId}`
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
