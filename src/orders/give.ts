import { hash } from 'node:crypto'
import { orderSignal, wordOf } from '../domain/signal/order.ts'
import type { GivenOrder } from '../domain/signal/order.ts'
import type { DealName } from '../domain/signal/ordering.ts'
import type { EventLog } from '../eventlog/port.ts'
import { AppError } from '../platform/errors.ts'
import { monotonicMs, now, uuidv7 } from '../platform/clock.ts'

/** An order that is in the log for good, and where. */
export interface Given extends DealName { readonly offset: bigint }

/** How long a slice may take, how long all of them may, and who is told how many are given. */
export interface Patience { readonly patienceMs: number, readonly withinMs?: number, readonly told?: (given: number) => void }

const SLICE = 200

/**
 * Puts one order per deal into the log, a slice at a time, and begins no slice after `withinMs`: then it gives fewer than it was
 * asked for. Throws `part_failed`, retryable, when the log takes none for `patienceMs`. What was sent until then may be in the log:
 * to give the same orders again costs one attempt each.
 */
export async function giveOrders (log: Pick<EventLog, 'append'>, orders: { readonly order: GivenOrder, readonly deals: readonly DealName[] }, { patienceMs, withinMs = Infinity, told }: Patience): Promise<Given[]> {
  const given: Given[] = []
  const from = monotonicMs()
  for (let at = 0; at < orders.deals.length && monotonicMs() - from < withinMs; at += SLICE) {
    const appended = Promise.all(orders.deals.slice(at, at + SLICE).map(deal => give(log, orders.order, deal)))
    given.push(...await within(patienceMs, appended, `the log takes no orders now; ${given.length} of ${orders.deals.length} are given for sure. Give the rest again when Kafka is back`))
    told?.(given.length)
  }
  return given
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
    timer = setTimeout(() => reject(new Error('no answer in time')), patienceMs)
  })
  try {
    return await Promise.race([work, late])
  } catch (cause) {
    throw new AppError('part_failed', sentence, { retryable: true, cause })
  } finally {
    clearTimeout(timer)
  }
}
