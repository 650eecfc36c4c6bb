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
import { originIdOf } from './records/record.ts'
import type { RecordJob, RecordResult } from './records/record.ts'
import { isAlone, judgeRecords, recordCommands, takeRecords } from './records/travel.ts'
import type { Turns } from './turns.ts'
import type { Planned } from './work.ts'

/**
 * One request to the target: up to 50 commands, of which one may be the look-up for creates of the next request, and some may be
 * about contacts and companies that deals of later requests need.
 */
export interface Load { readonly writes: readonly Planned[], readonly lookUps: readonly Planned[], readonly records: readonly RecordJob[] }

/** What came of it. `unknown` writes may have had their effect; `found` is null when the look-up itself failed. */
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

/** What waits to travel to the target. */
interface Queues { readonly ready: Planned[], readonly toLookUp: Planned[], readonly book: { readonly queue: RecordJob[] } }
type Rooms = Pick<PortalClient, 'room' | 'batchSize'>

// So much of a full request is for records: deals that have none must not keep those that do from ever being complete.
const RECORD_ROOM = BATCH_SIZE / 2
// What one record may ask at a time: two for ORIGIN pairs, and by telephone, e-mail and title. With less room it would wait for ever.
const LEAST_RECORD_ROOM = 5
// Creates that one look-up of a full request asks for. It answers a page of 50, of creates mostly none, so it costs next to nothing (decision 0009).
const LOOK_UP_SIZE = 200

/**
 * Takes the next load off the queues: up to 50 commands, fewer to a slow portal, first about records, since deals wait for them, and of
 * no method more than its time has room for. A look-up costs one command. A write whose text looks like a batch reference travels
 * alone, and so does a suspect.
 */
export function takeLoad ({ ready, toLookUp, book }: Queues, how: { readonly client: Rooms, readonly turns: Turns, readonly lookUpTurns: Turns, readonly suspects?: ReadonlySet<string> }): Load {
  const { suspects = new Set() } = how
  const size = how.client.batchSize()
  const recordIsAlone = (job: RecordJob): boolean => isAlone(job) || suspects.has(recordName(job))
  const deals = ready.length + Math.min(1, toLookUp.length)
  const records = takeRecords(book.queue, Math.min(Math.max(LEAST_RECORD_ROOM, Math.ceil(size / 2), size - deals), recordRoom(book.queue, how.client)), recordIsAlone)
  if (records[0] !== undefined && recordIsAlone(records[0])) return { writes: [], lookUps: [], records }
  const asked = [...recordCommands(records).values()].map(command => command.method)
  const lookUps = how.client.room(LOOK_UP_METHOD) > 0 ? how.lookUpTurns.take(toLookUp, LOOK_UP_SIZE * size / BATCH_SIZE) : []
  const writes = how.turns.take(ready, Math.max(0, size - asked.length - Math.min(1, lookUps.length)), roomBy(how.client, asked))
  const alone = writes.findIndex(p => mustTravelAlone(p.write) || suspects.has(originOf(p)))
  if (alone === -1) return { writes, lookUps, records }
  if (alone === 0 && records.length === 0) {
    ready.unshift(...writes.splice(1))
    toLookUp.unshift(...lookUps)
    return { writes, lookUps: [], records }
  }
  ready.unshift(...writes.splice(alone))
  return { writes, lookUps, records }
}

/** Lets through as many writes of each method as its time has room for beside the commands that are `asked` already. */
function roomBy (client: Rooms, asked: readonly string[]): (planned: Planned) => boolean {
  const left = new Map<string, number>()
  return ({ write }) => {
    const method = writeMethod(write)
    const room = left.get(method) ?? client.room(method) - asked.filter(each => each === method).length
    left.set(method, room - 1)
    return room > 0
  }
}

/** Commands about records that their methods have room for. A record may need several at once, so it is the least part or nothing. */
function recordRoom (queue: readonly RecordJob[], client: Rooms): number {
  const methods = new Set([...recordCommands(queue.slice(0, BATCH_SIZE)).values()].map(command => command.method))
  const room = Math.min(...[...methods].map(method => client.room(method)), BATCH_SIZE)
  return room < 1 ? 0 : Math.max(room, RECORD_ROOM)
}

/** Whether a load taken now would carry anything: calls under way may have taken the rest of a method's time. */
export function canSend ({ ready, toLookUp, book }: Queues, client: Rooms): boolean {
  if (ready.some(roomBy(client, [])) || (toLookUp.length > 0 && client.room(LOOK_UP_METHOD) > 0)) return true
  return book.queue.length > 0 && recordRoom(book.queue, client) > 0
}

/** The methods of a load's commands, one entry each, and that of the request. */
export function methodsOf (load: Load): string[] {
  return ['batch', ...[...commandsOf(load).values()].map(command => command.method)]
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

/** What suspects are known by: everything that was in a request which the target refused as a whole. */
export function namesIn (load: Load): string[] {
  return [...load.writes.map(originOf), ...load.records.map(recordName)]
}

function recordName ({ claim }: RecordJob): string {
  return `${claim.kind} ${originIdOf(claim)}`
}

function commandsOf ({ writes, lookUps, records }: Load): Map<string, Command> {
  const commands = new Map<string, Command>([...recordCommands(records), ...writes.map((p, i): [string, Command] => [`w${i}`, writeCommand(p.write)])])
  if (lookUps.length > 0) commands.set('look', lookUpCommand(lookUps.map(originOf)))
  return commands
}

function judge (load: Load, fate: (key: string) => Fate, how: { epoch: number, targetMissing: (portal: string) => 'park' | 'recreate' }): Omit<LoadResult, 'isRefused'> {
  const judged = judgeWrites(load.writes, i => fate(`w${i}`), how)
  const records = judgeRecords(load.records, fate)
  const refusals = [...load.lookUps.length > 0 ? [portalFailure(fate('look'))] : [], ...records.map(result => result.kind === 'failed' && result.failure.class === 'portal' ? result.failure : null)]
  return { ...judged, records, found: null, isPageFull: false, portalFailure: judged.portalFailure ?? refusals.find(refusal => refusal !== null) ?? null }
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
