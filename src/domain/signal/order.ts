import { readEdit } from './edit.ts'
import type { Edit } from './edit.ts'
import type { DealChangeSignalled, SignalOrder } from './signal.ts'

/** An operator's word about one parked deal. */
export type Order = Exclude<SignalOrder, ''>

/** An order with what it says beside its word. */
export type GivenOrder = Exclude<Order, 'edit'> | { readonly edit: Edit }

/** The word of an order. */
export function wordOf (order: GivenOrder): Order {
  return typeof order === 'string' ? order : 'edit'
}

/** An order as the log has it: a signal of its own, so that it has one end like every other (guarantee G7). */
export function orderSignal (order: GivenOrder, deal: { readonly portal: string, readonly dealId: string }, ids: { readonly eventId: string, readonly correlationId: string, readonly payloadHash: string, readonly at: number }): DealChangeSignalled {
  const { eventId, correlationId, payloadHash, at } = ids
  return {
    type: 'DealChangeSignalled', eventId, correlationId, causationId: null, occurredAt: at, receivedAt: at, portal: deal.portal, dealId: deal.dealId,
    kind: 'unknown', channel: 'operator', payload: '{}', payloadHash, repeat: false, order: wordOf(order),
    ...typeof order === 'string' ? {} : { edit: JSON.stringify(order.edit.fields), editOf: order.edit.of }
  }
}

/**
 * What the signals of one deal, in their order, say beside "it may have changed". `hold`: it is held from now on, or
 * (false) no longer; undefined leaves it as it was. `skip`: there is nothing among them but an operator's wish to let it be.
 * `edit`: what stands in place of the mapping from now on, null when nothing does any more; undefined leaves it as it was.
 */
export interface Wish { readonly hold: boolean | undefined, readonly skip: boolean, readonly edit?: Edit | null | undefined }

/**
 * One signal more. A change that nobody has read yet outweighs a skip: what the operator saw is not what stands there now.
 * The last order counts: whoever releases, skips or holds after an edit takes it back.
 */
export function foldOrder (wish: Wish | undefined, signal: Pick<DealChangeSignalled, 'order' | 'edit' | 'editOf'>): Wish {
  switch (signal.order ?? '') {
    case '': return { hold: wish?.hold, skip: false, edit: wish?.edit }
    case 'release': return { hold: false, skip: false, edit: null }
    case 'hold': return { hold: true, skip: false, edit: null }
    case 'skip': return { hold: false, skip: wish?.skip ?? true, edit: null }
    case 'edit': return { hold: false, skip: false, edit: readEdit(signal.edit ?? '', signal.editOf ?? '') }
  }
}

/** What an order makes of a deal without a look at it, null when it is to be transferred as usual. */
export type Standing = 'held' | 'skipped' | null
