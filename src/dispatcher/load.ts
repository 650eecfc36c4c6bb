import { BATCH_SIZE } from '../bitrix24/batch.ts'
import type { Command } from '../bitrix24/batch.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { LOOK_UP_METHOD, lookUpCommand } from '../bitrix24/read.ts'
import { mustTravelAlone, writeCommand, writeMethod } from '../bitrix24/write.ts'
import type { LookUps } from './look-ups.ts'
import { waitAgain } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { originIdOf } from './records/record.ts'
import type { RecordJob } from './records/record.ts'
import { isAlone, recordCommands, takeRecords } from './records/travel.ts'
import type { Turns } from './turns.ts'
import type { Planned } from './work.ts'

/**
 * One request to the target: up to 50 commands, of which one may be the look-up for creates of the next request, and some may be
 * about contacts and companies that deals of later requests need.
 */
export interface Load { readonly writes: readonly Planned[], readonly lookUps: readonly Planned[], readonly records: readonly RecordJob[] }

/** What waits to travel to the target. */
interface Queues { readonly ready: Planned[], readonly toLookUp: Planned[], readonly book: { readonly queue: RecordJob[] } }
type Rooms = Pick<PortalClient, 'room' | 'batchSize'>

// So much of a full request is for records: deals that have none must not keep those that do from ever being complete.
const RECORD_ROOM = BATCH_SIZE / 2
// What one record may ask at a time: two for ORIGIN pairs, and by telephone, e-mail and title. With less room it would wait for ever.
const LEAST_RECORD_ROOM = 5

/**
 * Takes the next load off the queues: up to 50 commands, fewer to a slow portal, first about records, since deals wait for them, and of
 * no method more than its time has room for. A look-up costs one command. A write whose text looks like a batch reference travels
 * alone, and so does a suspect.
 */
export function takeLoad ({ ready, toLookUp, book }: Queues, how: { readonly client: Rooms, readonly turns: Turns, readonly lookUps: LookUps, readonly suspects?: ReadonlySet<string> }): Load {
  const { suspects = new Set() } = how
  const size = how.client.batchSize()
  const recordIsAlone = (job: RecordJob): boolean => isAlone(job) || suspects.has(recordName(job))
  const deals = ready.length + Math.min(1, toLookUp.length)
  const records = takeRecords(book.queue, Math.min(Math.max(LEAST_RECORD_ROOM, Math.ceil(size / 2), size - deals), recordRoom(book.queue, how.client)), recordIsAlone)
  if (records[0] !== undefined && recordIsAlone(records[0])) return { writes: [], lookUps: [], records }
  const asked = [...recordCommands(records).values()].map(command => command.method)
  const lookUps = how.client.room(LOOK_UP_METHOD) > 0 ? how.lookUps.take({ ready, toLookUp }, { size, mayWait: ready.some(roomBy(how.client, asked)) }) : []
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

/** What suspects are known by: everything that was in a request which the target refused as a whole. */
export function namesIn (load: Load): string[] {
  return [...load.writes.map(originOf), ...load.records.map(recordName)]
}

function recordName ({ claim }: RecordJob): string {
  return `${claim.kind} ${originIdOf(claim)}`
}

/** The commands of a load by their keys: `w0`… its writes, `look` its look-up, and those about records. */
export function commandsOf ({ writes, lookUps, records }: Load): Map<string, Command> {
  const commands = new Map<string, Command>([...recordCommands(records), ...writes.map((p, i): [string, Command] => [`w${i}`, writeCommand(p.write)])])
  if (lookUps.length > 0) commands.set('look', lookUpCommand(lookUps.map(originOf)))
  return commands
}

export function originOf (planned: Planned): string {
  return `${planned.claim.portal}:${planned.claim.dealId}`
}
