import type { Ordered, Orders } from '../domain/signal/ordering.ts'
import type { Config } from '../platform/config.ts'
import type { Queryable } from '../platform/postgres.ts'
import { placeOf } from './choose.ts'
import { mistakesFor } from './edit.ts'
import { giveOrders } from './give.ts'
import type { LogAtNeed } from './log.ts'
import { prepare } from './prepare.ts'
import type { Prepared } from './prepare.ts'

export interface OrdersDeps { readonly pool: Queryable, readonly log: Pick<LogAtNeed, 'use'>, readonly routes: Config['routes'] }

/** At most `most` deals in one turn; a slice of them waits `patienceMs` for the log, and none is begun after `withinMs`. */
export interface OrdersLimits { readonly most: number, readonly patienceMs: number, readonly withinMs: number }

const LIMITS: OrdersLimits = { most: 10_000, patienceMs: 5_000, withinMs: 20_000 }

/** Carries out orders turn by turn for somebody who waits for the answer; their ends come later. */
export function createOrders ({ pool, log, routes }: OrdersDeps, limits: OrdersLimits = LIMITS): Orders {
  async function give ({ order, chosen }: Prepared, withinMs: number): Promise<Ordered> {
    const { deals, left, held, next } = chosen
    const names = deals.map(deal => ({ portal: deal.portal, dealId: deal.deal_id }))
    const given = names.length === 0 ? [] : await log.use(open => giveOrders(open, { order, deals: names }, { patienceMs: limits.patienceMs, withinMs }))
    const last = deals[given.length - 1]
    return { deals: given.length, left, held, next: given.length < deals.length && last !== undefined ? placeOf(last) : next }
  }
  return {
    mistakesOf: (portal, fields) => mistakesFor(routes, portal, fields),
    async carryOut (asked, { dryRun }) {
      const prepared = await prepare(pool, asked, limits.most)
      const { deals, left, held, next } = prepared.chosen
      if (dryRun) return { deals: deals.length, left, held, next }
      // Behind named deals there is no place to go on from: all of them in this turn.
      return await give(prepared, asked.order !== 'edit' && asked.choice.by === 'filter' ? limits.withinMs : Infinity)
    }
  }
}
