import { LANES } from './lane.ts'
import type { Lane } from './lane.ts'

/** Deals of one lane and one source portal: those that wait, or those that are to be taken. */
export interface Share { readonly lane: Lane, readonly portal: string, readonly deals: number }

/**
 * What is owed from one round to the next. `floors`: parts of a deal that a lane was promised. `turn`: the portals of a
 * lane in the order of their turns. `quotas`: parts of a deal that a portal may still have.
 */
export interface Credit {
  readonly floors: Readonly<Partial<Record<Lane, number>>>
  readonly turn: Readonly<Partial<Record<Lane, readonly string[]>>>
  readonly quotas: Readonly<Record<string, number>>
}

export const NO_CREDIT: Credit = { floors: {}, turn: {}, quotas: {} }

/** The part of every round that a lower lane gets when it has work, so that none starves; live has what is left. */
export const FLOORS: Readonly<Record<Lane, number>> = { live: 0, retry: 0.1, repair: 0.1, backfill: 0.05 }

/** By source portal: the largest part (0 to 1) of the room that it gets while others wait. No entry: no limit. */
export type Quotas = ReadonlyMap<string, number>

export interface Room { readonly deals: number, readonly quotas: Quotas, readonly credit: Credit, readonly floors?: Readonly<Record<Lane, number>> }

/**
 * Shares `room` out among what is due: lanes in their order with a floor for each, portals of a lane in turn, a deal
 * each (deficit round robin; every deal costs the same, so the deficit is a turn kept for the next round).
 *
 * Gives what to take, never more than is due nor than there is room, and nothing of the room is left while something is due:
 * an unused floor goes to the first lane, and a quota counts only against portals that want the room.
 */
export function shareOut (due: readonly Share[], room: Room): { readonly takes: readonly Share[], readonly credit: Credit } {
  const waiting = due.filter(share => share.deals > 0)
  const quotas = allowances(waiting, room)
  const allowed = within(waiting, quotas)
  const lanes = laneRooms(allowed, room)
  const first = takeLanes(allowed, lanes.rooms, room.credit.turn)
  const left = room.deals - sum(first.takes)
  const rest = minus(waiting, first.takes)
  const second = takeLanes(rest, strictRooms(rest, left), first.turn)
  const takes = plus(first.takes, second.takes)
  return { takes, credit: { floors: lanes.floors, turn: second.turn, quotas: owed(quotas, first.takes) } }
}

const sum = (shares: readonly Share[]): number => shares.reduce((total, share) => total + share.deals, 0)
const ofLane = (shares: readonly Share[], lane: Lane): readonly Share[] => shares.filter(share => share.lane === lane)
const isSame = (a: Share) => (b: Share): boolean => a.lane === b.lane && a.portal === b.portal

/** What each limited portal that waits may have: its part of this room and what it was owed, at most a whole room. */
function allowances (waiting: readonly Share[], { deals, quotas, credit }: Room): Record<string, number> {
  const portals = new Set(waiting.map(share => share.portal))
  return Object.fromEntries([...portals].flatMap((portal) => {
    const quota = quotas.get(portal)
    return quota === undefined ? [] : [[portal, Math.min(deals, (credit.quotas[portal] ?? 0) + quota * deals)]]
  }))
}

function within (waiting: readonly Share[], quotas: Readonly<Record<string, number>>): Share[] {
  const left = new Map(Object.entries(quotas).map(([portal, allowed]) => [portal, Math.floor(allowed)]))
  return inOrder(waiting).map((share) => {
    const deals = Math.min(share.deals, left.get(share.portal) ?? Infinity)
    if (left.has(share.portal)) left.set(share.portal, (left.get(share.portal) ?? 0) - deals)
    return { ...share, deals }
  })
}

const inOrder = (shares: readonly Share[]): Share[] => LANES.flatMap(lane => ofLane(shares, lane))

function owed (quotas: Readonly<Record<string, number>>, taken: readonly Share[]): Record<string, number> {
  return Object.fromEntries(Object.entries(quotas).map(([portal, allowed]) => {
    const left = allowed - sum(taken.filter(share => share.portal === portal))
    return [portal, left - Math.floor(left)]
  }))
}

type LaneRooms = Readonly<Record<Lane, number>>

function laneRooms (allowed: readonly Share[], { deals, credit, floors = FLOORS }: Room): { rooms: LaneRooms, floors: Credit['floors'] } {
  const kept: Partial<Record<Lane, number>> = {}
  const rooms = Object.fromEntries(LANES.map(lane => [lane, 0])) as Record<Lane, number>
  let left = deals
  for (const lane of LANES) {
    const due = sum(ofLane(allowed, lane))
    const promised = due === 0 ? 0 : (credit.floors[lane] ?? 0) + floors[lane] * deals
    rooms[lane] = Math.min(due, Math.floor(promised), left)
    kept[lane] = Math.min(1, promised - rooms[lane])
    left -= rooms[lane]
  }
  const rest = strictRooms(allowed, left, rooms)
  return { rooms: rest, floors: kept }
}

/** Fills the room lane by lane, beginning with the first, on top of what each has already. */
function strictRooms (due: readonly Share[], room: number, begun?: LaneRooms): LaneRooms {
  let left = room
  return Object.fromEntries(LANES.map((lane) => {
    const has = begun?.[lane] ?? 0
    const more = Math.min(left, sum(ofLane(due, lane)) - has)
    left -= more
    return [lane, has + more]
  })) as Record<Lane, number>
}

function takeLanes (due: readonly Share[], rooms: LaneRooms, before: Credit['turn']): { takes: Share[], turn: Credit['turn'] } {
  const turn: Partial<Record<Lane, readonly string[]>> = {}
  const takes = LANES.flatMap((lane) => {
    const served = takeTurns(ofLane(due, lane), rooms[lane], before[lane] ?? [])
    turn[lane] = served.turn
    return served.takes
  })
  return { takes, turn }
}

/** One deal of each portal in turn; who has had none this time comes first the next. */
function takeTurns (due: readonly Share[], room: number, before: readonly string[]): { takes: Share[], turn: readonly string[] } {
  const left = new Map(due.map(share => [share.portal, share.deals]))
  const known = new Set(before)
  const queue = [...before.filter(portal => left.has(portal)), ...due.map(share => share.portal).filter(portal => !known.has(portal))]
  const taken = new Map<string, number>()
  for (let free = room, at = 0; free > 0 && at < queue.length; at += 1) {
    const portal = queue[at] ?? ''
    const has = left.get(portal) ?? 0
    if (has === 0) continue
    free -= 1
    left.set(portal, has - 1)
    taken.set(portal, (taken.get(portal) ?? 0) + 1)
    queue.push(portal)
    queue[at] = ''
  }
  const lane = due[0]?.lane ?? 'live'
  return { takes: [...taken].map(([portal, deals]) => ({ lane, portal, deals })), turn: [...new Set(queue.filter(portal => portal !== ''))] }
}

function minus (shares: readonly Share[], taken: readonly Share[]): Share[] {
  return shares.map(share => ({ ...share, deals: share.deals - (taken.find(isSame(share))?.deals ?? 0) }))
}

function plus (first: readonly Share[], second: readonly Share[]): Share[] {
  return [...first.map(share => ({ ...share, deals: share.deals + (second.find(isSame(share))?.deals ?? 0) })), ...second.filter(share => !first.some(isSame(share)))]
}
