import { hash } from 'node:crypto'
import { orderSignal, wordOf } from '../../domain/signal/order.ts'
import type { GivenOrder } from '../../domain/signal/order.ts'
import type { EventLog } from '../../eventlog/port.ts'
import { AppError } from '../../platform/errors.ts'
import { monotonicMs, now, uuidv7 } from '../../platform/clock.ts'
import type { Queryable } from '../../platform/postgres.ts'
import { countEnded } from '../../projections/deal/read.ts'
import type { DealState } from '../../projections/deal/read.ts'
import type { Progress } from '../progress.ts'
import type { DealName } from './arguments.ts'

/** An order that is in the log for good, and where. */
export interface Given extends DealName { readonly offset: bigint }

const SLICE = 200
const POLL_MS = 250

/**
 * Puts one order per deal into the log. Resolves when all are acknowledged; throws `part_failed` when the log takes
 * none for `patienceMs`. What was sent until then may be in the log: to give the same orders again costs one attempt each.
 */
export async function giveOrders (log: Pick<EventLog, 'append'>, orders: { readonly order: GivenOrder, readonly deals: readonly DealName[] }, how: { readonly patienceMs: number, readonly progress: Progress }): Promise<Given[]> {
  const given: Given[] = []
  for (let at = 0; at < orders.deals.length; at += SLICE) {
    const appended = Promise.all(orders.deals.slice(at, at + SLICE).map(deal => give(log, orders.order, deal)))
    given.push(...await within(how.patienceMs, appended, `the log takes no orders now; ${given.length} of ${orders.deals.length} are given for sure. Give the rest again when Kafka is back`))
    how.progress.at(given.length)
  }
  return given
}

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

async function give (log: Pick<EventLog, 'append'>, order: GivenOrder, { portal, dealId }: DealName): Promise<Given> {
  const at = now()
  const eventId = uuidv7()
  const payloadHash = hash('sha256', `${portal}\noperator ${wordOf(order)}\n${dealId}\n${eventId}`)
  const { offset } = await log.append(orderSignal(order, { portal, dealId }, { eventId, correlationId: uuidv7(), payloadHash, at }))
  return { portal, dealId, offset }
}

async function within<T> (patienceMs: number, work: Promise<T>, sentence: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('part_failed', sentence, { retryable: true })), patienceMs)
  })
  return await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
