import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { services } from '../../test/support/services.ts'
import { createLogger } from '../platform/logger.ts'
import { createRedis } from '../platform/redis.ts'
import { readStanding, tellStanding } from './standing.ts'
import type { Standing } from './standing.ts'

test('how a portal stands is read as it was told, for its address alone, and nothing is known that was not told', async (t) => {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  t.after(() => redis.disconnect())
  await eventually(() => redis.status === 'ready')
  const place = { portal: 'main', address: randomUUID() }
  assert.equal(await readStanding(redis, place), null)
  const told: Standing[] = [{ state: 'stopped', since: 1, code: 'NO_AUTH_FOUND', detail: 'no' }, { state: 'failing', since: 2 }, { state: 'works' }]
  for (const standing of told) {
    await tellStanding(redis, place, standing)
    assert.deepEqual(await readStanding(redis, place), standing)
  }
  assert.equal(await readStanding(redis, { ...place, address: 'another' }), null)
})
