import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPace } from './pace.ts'

test('five requests may follow each other at once, then one comes every 25 s at 2 a second: 2 % of the budget', async () => {
  let at = 0
  const pace = createPace(2, () => at)
  const waits = async (): Promise<boolean> => {
    const stop = new AbortController()
    const taken = pace.take(stop.signal).then(() => false, () => true)
    const answer = await Promise.race([taken, new Promise<true>(resolve => setImmediate(() => resolve(true)))])
    stop.abort()
    await taken
    return answer
  }
  for (let i = 0; i < 5; i += 1) assert.equal(await waits(), false, String(i))
  at += 24_000
  assert.equal(await waits(), true)
  at += 26_001
  assert.equal(await waits(), false)
  at += 3_600_000
  for (let i = 0; i < 5; i += 1) assert.equal(await waits(), false, 'rest does not add up')
  assert.equal(await waits(), true)
})

test('a stop ends the wait', async () => {
  const pace = createPace(2, () => 0)
  for (let i = 0; i < 5; i += 1) await pace.take(AbortSignal.timeout(1000))
  const stop = new AbortController()
  const waiting = pace.take(stop.signal)
  stop.abort()
  await assert.rejects(waiting)
})
