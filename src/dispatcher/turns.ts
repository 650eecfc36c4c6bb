import { LANES } from '../domain/schedule/lane.ts'
import { NO_CREDIT, shareOut } from '../domain/schedule/share.ts'
import type { Quotas } from '../domain/schedule/share.ts'
import type { Planned } from './work.ts'

/** Whose turn it is for a place in a request; one per queue, since it remembers from one request to the next. */
export interface Turns {
  /** Takes up to `count` of the queue's deals off it: lanes in order with their floors, portals of a lane in turn. `fits` may leave some where they are. */
  take (queue: Planned[], count: number, fits?: (planned: Planned) => boolean): Planned[]
}

export function createTurns (quotas: Quotas): Turns {
  let credit = NO_CREDIT
  return {
    take (queue, count, fits = () => true) {
      const groups = Map.groupBy(inLaneOrder(queue).filter(fits), turnOf)
      const due = [...groups.values()].map(([first, ...rest]) => ({ lane: first?.claim.lane ?? 'live', portal: first?.claim.portal ?? '', deals: 1 + rest.length }))
      const shared = shareOut(due, { deals: count, quotas, credit })
      credit = shared.credit
      const taken = shared.takes.flatMap(({ lane, portal, deals }) => groups.get(`${lane} ${portal}`)?.slice(0, deals) ?? [])
      const gone = new Set(taken)
      queue.splice(0, queue.length, ...queue.filter(planned => !gone.has(planned)))
      return taken
    }
  }
}

/** Deals of one lane and portal have one turn together, in their order. */
export function turnOf ({ claim }: Planned): string {
  return `${claim.lane} ${claim.portal}`
}

function inLaneOrder (queue: readonly Planned[]): Planned[] {
  return LANES.flatMap(lane => queue.filter(planned => planned.claim.lane === lane))
}
