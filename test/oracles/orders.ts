import { dealKey } from '../rig/evidence.ts'
import type { LogDump, LoggedSignal } from '../rig/evidence.ts'

/** What operators ordered for a deal, in the order of the log. */
export interface GivenOrder { readonly order: string, readonly offset: bigint, readonly at: number }

/** The orders of the log by deal. */
export function ordersOf ({ signals }: Pick<LogDump, 'signals'>): Map<string, GivenOrder[]> {
  const given = signals.filter((signal): signal is LoggedSignal & { order: string } => (signal.order ?? '') !== '').toSorted((a, b) => Number(a.offset - b.offset))
  return new Map([...Map.groupBy(given, dealKey)].map(([key, all]) => [key, all.map(({ order, offset, receivedAt }) => ({ order, offset, at: receivedAt }))]))
}

/** Whether a deal is held once its signals up to `offset` are taken: a hold stands until any other order. */
export function isHeldAt (orders: readonly GivenOrder[], offset: bigint): boolean {
  return orders.findLast(each => each.offset <= offset)?.order === 'hold'
}

/** Times in which a deal was held, by when the orders were given; the last one may have no end (Infinity). */
export function heldSpans (orders: readonly GivenOrder[]): { readonly from: number, readonly to: number }[] {
  return orders.flatMap((each, i) => each.order !== 'hold' || orders[i - 1]?.order === 'hold'
    ? []
    : [{ from: each.at, to: orders.slice(i + 1).find(later => later.order !== 'hold')?.at ?? Infinity }])
}

/** The deals that are held at the end of the log. */
export function heldDeals (log: Pick<LogDump, 'signals'>): Set<string> {
  return new Set([...ordersOf(log)].filter(([, orders]) => orders.at(-1)?.order === 'hold').map(([key]) => key))
}
