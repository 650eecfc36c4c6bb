import type { GivenOrder } from '../domain/signal/order.ts'
import type { Asked } from '../domain/signal/ordering.ts'
import type { Queryable } from '../platform/postgres.ts'
import { choose } from './choose.ts'
import type { Chosen } from './choose.ts'
import { editFor } from './edit.ts'

/** An order that is ready to be given, and the deals that it is for. */
export interface Prepared { readonly order: GivenOrder, readonly chosen: Chosen }

/** Finds the deals that are meant, `most` at a time, and for an edit the state that it is for. Throws `order_refused`; writes nothing. */
export async function prepare (db: Queryable, asked: Asked, most?: number): Promise<Prepared> {
  if (asked.order !== 'edit') return { order: asked.order, chosen: await choose(db, asked.choice, most) }
  const chosen = await choose(db, { by: 'name', deals: [asked.deal] })
  const edit = chosen.deals.length > 0 ? await editFor(db, asked.deal, asked.fields) : { fields: asked.fields, of: '' }
  return { order: { edit }, chosen }
}
