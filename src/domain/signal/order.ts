import type { DealChangeSignalled, SignalOrder } from './signal.ts'

/** An operator's word about one parked deal. */
export type Order = Exclude<SignalOrder, ''>

/** An order as the log has it: a signal of its own, so that it has one end like every other (guarantee G7). */
export function orderSignal (order: Order, deal: { readonly portal: string, readonly dealId: string }, ids: { readonly eventId: string, readonly correlationId: string, readonly payloadHash: string, readonly at: number }): DealChangeSignalled {
  const { eventId, correlationId, payloadHash, at } = ids
  return {
    type: 'DealChangeSignalled', eventId, correlationId, causationId: null, occurredAt: at, receivedAt: at, portal: deal.portal, dealId: deal.dealId,
    kind: 'unknown', channel: 'operator', payload: '{}', payloadHash, repeat: false, order
  }
}

/**
 * What the signals of one deal, in their order, say beside "it may have changed". `hold`: it is held from now on, or
 * (false) no longer; undefined leaves it as it was. `skip`: there is nothing among them but an operator's wish to let it be.
 */
export interface Wish { readonly hold: boolean | undefined, readonly skip: boolean }

/** One signal more. A change that nobody has read yet outweighs a skip: what the operator saw is not what stands there now. */
export function foldOrder (wish: Wish | undefined, order: SignalOrder): Wish {
  switch (order) {
    case '': return { hold: wish?.hold, skip: false }
    case 'release': return { hold: false, skip: false }
    case 'hold': return { hold: true, skip: false }
    case 'skip': return { hold: false, skip: wish?.skip ?? true }
  }
}

/** What an order makes of a deal without a look at it, null when it is to be transferred as usual. */
export type Standing = 'held' | 'skipped' | null
