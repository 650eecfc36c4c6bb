import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { TestContext } from 'node:test'

/** How much secret-keeping was done: digests made, and comparisons in constant time. */
export interface Work { readonly digests: number, readonly compared: number }

/** Counts what every module of this process does with `hash` and `timingSafeEqual` of node:crypto, until the test ends. */
export function countCompares (t: Pick<TestContext, 'mock' | 'after'>): { during (work: () => unknown): Promise<Work> } {
  const digests = t.mock.method(crypto, 'hash').mock
  const compared = t.mock.method(crypto, 'timingSafeEqual').mock
  // Modules that import these by name see the counted ones from here on.
  syncBuiltinESMExports()
  t.after(() => {
    digests.restore()
    compared.restore()
    syncBuiltinESMExports()
  })
  return {
    async during (work) {
      const before = [digests.callCount(), compared.callCount()] as const
      await work()
      return { digests: digests.callCount() - before[0], compared: compared.callCount() - before[1] }
    }
  }
}
