import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { PLANTED, SCENARIOS } from '../../test/support/limiter-scenarios.ts'
import { World } from '../../test/support/limiter-world.ts'
import type { Rules, Scenario, Verdict } from '../../test/support/limiter-world.ts'
import { seedOf } from '../../test/support/seed.ts'
import { services } from '../../test/support/services.ts'
import { createLogger } from '../platform/logger.ts'
import { createRedis } from '../platform/redis.ts'
import type { Redis } from '../platform/redis.ts'

// One seed of a few virtual minutes; npm run faults:limiter plays all scenarios with twenty.
const MINUTES = 4
const PLAYED = ['backlog', 'bursts, worst bunching', 'all forgotten, a process new', 'a process stands still before it sends', 'two configurations at once']
const CAUGHT = ['a limiter for each process', 'a burst at an empty key', 'deadline unchecked', 'no strictest configuration', 'no margin, worst bunching']

async function openRedis (t: TestContext): Promise<Redis> {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  t.after(() => { redis.disconnect() })
  await eventually(() => redis.status === 'ready')
  return redis
}

function play (redis: Redis, { scenario, rules = {}, seed }: { scenario: Scenario | undefined, rules?: Rules, seed: number }): Promise<Verdict> {
  assert.ok(scenario)
  return new World(redis, { scenario, rules, seed, key: `limit:{${randomUUID()}}` }).play(MINUTES)
}

test('however processes come, go, stand still and differ, the portal refuses no request of the shared budget', async (t) => {
  const redis = await openRedis(t)
  const seed = seedOf(t)
  for (const name of PLAYED) {
    const scenario = SCENARIOS[name]
    const { refused, sent, used } = await play(redis, { scenario, seed })
    assert.ok(sent > 30, `${name}: ${sent} sent`)
    assert.equal(refused, 0, name)
    assert.ok(scenario?.uses !== true || used >= 0.95, `${name}: ${used} used`)
  }
})

for (const name of CAUGHT) {
  test(`planted bug: ${name} makes the portal refuse requests`, async (t) => {
    const bug = PLANTED[name]
    const { refused } = await play(await openRedis(t), { scenario: SCENARIOS[bug?.scenario ?? ''], rules: bug?.rules ?? {}, seed: seedOf(t) })
    assert.ok(refused > 0, 'the planted bug was not caught')
  })
}
