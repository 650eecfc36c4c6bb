import { LANES } from '../domain/schedule/lane.ts'
import type { Lane } from '../domain/schedule/lane.ts'
import { NO_CREDIT, shareOut } from '../domain/schedule/share.ts'
import type { Credit, Quotas, Share } from '../domain/schedule/share.ts'

/** Deals of one lane and portal that are in memory already: being read since `since` (monotonic ms), or read (null). */
export interface Held { readonly lane: Lane, readonly portal: string, readonly since: number | null }

/** Decides how much of what is due is claimed ahead of the requests that will carry it. */
export interface Ahead {
  /** What to claim now. A portal that is being read is left alone: what comes meanwhile goes into its next read together. */
  choose (due: readonly Share[], held: readonly Held[], at: number): readonly Share[]
  /**
   * Of shares that were counted up to `counted`: those that must be counted on first, since their lane may not fill the room
   * without more of them. Of a lane that does, turns take no more than `counted` from anyone.
   */
  unsure (due: readonly Share[], counted: number, held: readonly Held[]): readonly Share[]
}

// Three seconds of a portal's writes. Live work has a pool of its own: it never waits for a place behind the other lanes,
// and which of the deals in memory goes first is decided again for every request (turns.ts).
const POOL = 300
const POOLS = ['live', 'lower'] as const
const OF_ONE_PORTAL = 200
/** A read is a request of the source portal, whatever it carries. */
const LEAST = 50
const SLOW_READ_MS = 2_000

export function createAhead (quotas: Quotas): Ahead {
  const isIn = (pool: 'live' | 'lower') => ({ lane }: { readonly lane: Lane }): boolean => (lane === 'live') === (pool === 'live')
  const credits: { live: Credit, lower: Credit } = { live: NO_CREDIT, lower: NO_CREDIT }
  return {
    choose (due, held, at) {
      const free = freeOf(due, held)
      return POOLS.flatMap((pool) => {
        const here = held.filter(isIn(pool))
        const shared = shareOut(withRoom(free.filter(isIn(pool)), here), { deals: roomOf(here, at), quotas, credit: credits[pool] })
        credits[pool] = shared.credit
        return shared.takes
      })
    },
    unsure (due, counted, held) {
      const free = freeOf(due, held)
      return POOLS.flatMap((pool) => {
        // A portal with a quota takes less than its turn, and another one more.
        const sure = withRoom(free.filter(share => isIn(pool)(share) && !quotas.has(share.portal)), held.filter(isIn(pool)))
        const isFilled = (lane: Lane): boolean => sure.reduce((sum, share) => sum + (share.lane === lane ? share.deals : 0), 0) >= POOL
        return free.filter(share => isIn(pool)(share) && share.deals >= counted && !isFilled(share.lane))
      })
    }
  }
}

function freeOf (due: readonly Share[], held: readonly Held[]): readonly Share[] {
  const busy = new Set(held.filter(each => each.since !== null).map(each => each.portal))
  return due.filter(share => !busy.has(share.portal))
}

/** A portal that answers slowly holds no places of the others: its read counts for a moment only. */
function roomOf (held: readonly Held[], at: number): number {
  return Math.max(0, POOL - held.filter(each => each.since === null || at - each.since < SLOW_READ_MS).length)
}

function withRoom (due: readonly Share[], held: readonly Held[]): Share[] {
  const left = new Map<string, number>()
  for (const { portal } of held) left.set(portal, (left.get(portal) ?? OF_ONE_PORTAL) - 1)
  for (const [portal, room] of left) if (room < LEAST) left.set(portal, 0)
  return LANES.flatMap(lane => due.filter(share => share.lane === lane)).map((share) => {
    const room = left.get(share.portal) ?? OF_ONE_PORTAL
    const deals = Math.min(share.deals, room)
    left.set(share.portal, room - deals)
    return { ...share, deals }
  })
}
