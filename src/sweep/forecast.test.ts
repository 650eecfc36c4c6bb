import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forecast } from './forecast.ts'
import type { Walk } from './sql/portal.ts'

const WALK: Walk = { after: 5n, width: 50, beganAt: 1000, total: 1000, listed: 0, signalled: 0, endedBefore: false }

test('a backfill is as fast as the deals that are done with: listed and not waiting for the dispatcher', () => {
  assert.deepEqual(forecast({ ...WALK, listed: 500, signalled: 400 }, 300, 101_000), { total: 1000, listed: 500, signalled: 400, ended: 100, perSecond: 2, etaSeconds: 400 })
})

test('nobody can tell at the begin, without a total, or while nothing ends', () => {
  const unknown = [forecast(WALK, 0, 1000), forecast({ ...WALK, total: null, listed: 10 }, 0, 9000), forecast({ ...WALK, listed: 10, signalled: 10 }, 10, 9000)]
  assert.deepEqual(unknown.map(each => each.etaSeconds), [null, null, null])
})

test('it is over when all is listed and nothing waits; deals made meanwhile raise the total', () => {
  const listed = { ...WALK, after: null, listed: 1100, signalled: 1100 }
  assert.deepEqual([forecast(listed, 0, 12_000).etaSeconds, forecast(listed, 0, 12_000).total, forecast(listed, 550, 12_000).etaSeconds], [0, 1100, 11])
})
