import { monotonicMs } from '../../platform/clock.ts'
import type { Queryable } from '../../platform/postgres.ts'
import { countEnded } from '../../projections/deal/read.ts'
import type { DealState } from '../../projections/deal/read.ts'
import type { Given } from '../../orders/give.ts'
import type { Progress } from '../progress.ts'

const POLL_MS = 250

/**
 * Waits until every order has its end and gives how many deals are in which state by then. Gives up when none has
 * ended for `patienceMs` (no dispatcher runs, a portal is away): the orders stay in the log and are done later.
 */
export async function awaitEnds (db: Queryable, given: readonly Given[], how: { readonly patienceMs: number, readonly progress: Progress }): Promise<{ readonly ended: number, readonly states: ReadonlyMap<DealState, number> }> {
  for (let [ended, since] = [0, monotonicMs()]; ;) {
    const states = await countEnded(db, given)
    const reached = [...states.values()].reduce((sum, deals) => sum + deals, 0)
    how.progress.at(reached)
    if (reached > ended) [ended, since] = [reached, monotonicMs()]
    if (ended >= given.length || monotonicMs() - since >= how.patienceMs) return { ended, states }
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}
