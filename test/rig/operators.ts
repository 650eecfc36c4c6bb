import type { Order } from '../../src/domain/signal/order.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { giveOrders } from '../../src/orders/give.ts'
import type { Chance } from '../support/chance.ts'
import type { RigSystem } from './system.ts'

/** Persons who look after parked deals: now and then they release, skip or hold one, as the command line does. */
export interface Operators {
  /** Gives one order for one parked deal; never throws, and does nothing while the read models cannot be asked. */
  act (): Promise<void>
  /** Releases about half of the held deals; the others stay held for the seeds that follow. */
  releaseSome (): Promise<void>
}

const PATIENCE_MS = 30_000

export function createOperators (system: RigSystem, log: Pick<EventLog, 'append'>, chance: Chance): Operators {
  const parked = async (): Promise<{ portal: string, deal_id: string, reason: string | null }[]> =>
    (await system.pool.query<{ portal: string, deal_id: string, reason: string | null }>('select portal, deal_id, reason from read_v1.deal where state = \'parked\' order by portal, deal_id')).rows

  async function give (order: Exclude<Order, 'edit'>, deal: { portal: string, deal_id: string }): Promise<void> {
    await giveOrders(log, { order, deals: [{ portal: deal.portal, dealId: deal.deal_id }] }, { patienceMs: PATIENCE_MS, told: () => undefined })
  }

  return {
    async act () {
      const dice = chance.next()
      const deals = await parked().catch(() => [])
      const deal = deals[Math.floor(chance.next() * deals.length)]
      if (deal === undefined) return
      const order = deal.reason === 'operator_hold' ? dice < 0.7 ? 'release' : 'skip' : dice < 0.5 ? 'hold' : dice < 0.8 ? 'release' : 'skip'
      // An order that was not acknowledged may stand in the log or not; the log says which, and it alone is asked later.
      await give(order, deal).catch(() => undefined)
    },
    async releaseSome () {
      for (const deal of (await parked()).filter(each => each.reason === 'operator_hold')) if (chance.isTrue(0.5)) await give('release', deal)
    }
  }
}
