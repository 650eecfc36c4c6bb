import type { EditedFields } from './edit.ts'
import type { Order } from './order.ts'

/** A deal by its source portal and its id there. */
export interface DealName { readonly portal: string, readonly dealId: string }

/** Where a walk over parked deals by portal and id goes on: behind this one. */
export type DealPlace = readonly [portal: string, dealId: string]

/** Which parked deals an order is for; by filter those behind `after`. */
export type Choice =
  | { readonly by: 'filter', readonly portal: string | undefined, readonly reason: string | undefined, readonly after?: DealPlace | undefined }
  | { readonly by: 'name', readonly deals: readonly DealName[] }

/** What an operator asks for, by whatever door. */
export type Asked =
  | { readonly order: Exclude<Order, 'edit'>, readonly choice: Choice }
  | { readonly order: 'edit', readonly deal: DealName, readonly fields: EditedFields }

/** A deal that was named and is left as it is; `why` is the end of a sentence. */
export interface Left { readonly deal: string, readonly why: string }

/**
 * What came of an order: for how many deals it is in the log for good, or would be; which named ones are left as they are, and how
 * many held ones. `next` is where to go on when one turn was not enough for all.
 */
export interface Ordered { readonly deals: number, readonly left: readonly Left[], readonly held: number, readonly next: DealPlace | null }

/** Whoever carries out operators' orders. */
export interface Orders {
  /** Why the deals of a portal cannot be edited so; one plain sentence per mistake, none when they can. */
  readonly mistakesOf: (portal: string, fields: EditedFields) => readonly string[]
  /** Gives an order, or with `dryRun` only looks. Throws `part_failed`, retryable, when the log takes none, and `order_refused` for a deal that cannot be ordered so. */
  readonly carryOut: (asked: Asked, how: { readonly dryRun: boolean }) => Promise<Ordered>
}

/** The word for each order once it is given, which is also its name in results. */
export const DONE: Readonly<Record<Order, string>> = { release: 'released', skip: 'skipped', hold: 'held', edit: 'edited' }

/** Each deal once, in the order of the first mention. */
export function distinct (deals: readonly DealName[]): DealName[] {
  return [...new Map(deals.map(deal => [`${deal.portal}:${deal.dealId}`, deal])).values()]
}
