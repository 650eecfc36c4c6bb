import assert from 'node:assert/strict'
import { test } from 'node:test'
import { betterLane, laneOf } from './lane.ts'

test('a signal waits in the lane of its channel: what just changed, what the sweep found, what was there long before', () => {
  assert.deepEqual((['webhook', 'robot', 'api', 'offline', 'operator', 'sweep', 'backfill'] as const).map(laneOf), ['live', 'live', 'live', 'live', 'live', 'repair', 'backfill'])
})

test('of two lanes the earlier one wins, whichever comes first', () => {
  assert.deepEqual([betterLane('backfill', 'live'), betterLane('live', 'backfill'), betterLane('retry', 'repair'), betterLane('repair', 'repair')], ['live', 'live', 'retry', 'repair'])
})
