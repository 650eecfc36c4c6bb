import { randomInt } from 'node:crypto'
import type { TestContext } from 'node:test'

/** The seed of a test that leaves things to chance: DEALBRIDGE_TEST_SEED, else a new one; the test's output names it. */
export function seedOf (t: Pick<TestContext, 'diagnostic'>): number {
  const given = process.env.DEALBRIDGE_TEST_SEED
  const seed = given === undefined ? randomInt(1e9) : Number(given)
  if (!Number.isSafeInteger(seed)) throw new Error('DEALBRIDGE_TEST_SEED must be a whole number')
  t.diagnostic(`seed ${seed}; again with DEALBRIDGE_TEST_SEED=${seed}`)
  return seed
}
