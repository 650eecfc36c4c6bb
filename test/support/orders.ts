import type { Orders } from '../../src/domain/signal/ordering.ts'

/** For tests that give no orders: one that comes all the same fails. */
export const noOrders: Orders = { mistakesOf: () => [], carryOut: () => Promise.reject(new Error('no order was expected')) }
