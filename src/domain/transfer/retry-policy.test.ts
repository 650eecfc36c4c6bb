import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { retryDelayMs } from './retry-policy.ts'

const DELAYS = [1000, 2000, 4000, 60_000, 300_000, 900_000, 3_600_000]

test('the delays are those of the table, and the last one stays', () => {
  assert.deepEqual(DELAYS.map((_, tries) => retryDelayMs(tries, 0)), DELAYS)
  for (const tries of [7, 32, 1024, 2 ** 53, Infinity]) assert.equal(retryDelayMs(tries, 0), 3_600_000, String(tries))
})

test('a count that makes no sense gives a delay all the same', () => {
  assert.deepEqual([-1, -Infinity, NaN, 4.5].map(tries => retryDelayMs(tries, 0)), [1000, 1000, 3_600_000, 3_600_000])
})

test('chance adds up to a tenth and takes nothing away; a later try never comes sooner than an earlier one', () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(fc.property(fc.nat({ max: 100 }), chance, chance, (tries, a, b) => {
    const delay = retryDelayMs(tries, a)
    const least = DELAYS[Math.min(tries, 6)] ?? 0
    return Number.isInteger(delay) && delay >= least && delay <= least * 1.1 && (tries >= 6 || delay < retryDelayMs(tries + 1, b))
  }))
})
