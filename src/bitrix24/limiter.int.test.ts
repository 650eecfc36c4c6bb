import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { services } from '../../test/support/services.ts'
import { eventually } from '../../test/support/eventually.ts'
import { createLogger } from '../platform/logger.ts'
import { createRedis } from '../platform/redis.ts'
import { createLimiter } from './limiter.ts'

const SCRIPT = readFileSync(new URL('./limiter.lua', import.meta.url), 'utf8')
// The portal's own threshold and rate, and what the limiter makes of them for one process of four.
const PORTAL = { perSecond: 2, burst: 50 }
const INTERVAL_US = Math.ceil(1e6 / (PORTAL.perSecond * 0.97))
const DEPTH = 30
const QUEUE_US = 2_000_000

type Take = (nowUs: number, run?: string, shadow?: string) => Promise<[number, number, number, number, number, string]>

/** Plays `seconds` of backlog in virtual time against the portal's leaky bucket; `upset` may do harm at a second. Gives its highest level and the share used. */
async function play (take: Take, seconds: number, upset: (second: number) => Promise<void>): Promise<{ highest: number, used: number }> {
  let [level, at, highest, sent] = [0, 0, 0, 0]
  const arrivals: number[] = []
  for (let now = 0; now < seconds * 1e6;) {
    await upset(Math.floor(now / 1e6))
    const [granted, waitUs] = await take(1e12 + now)
    if (granted === 1) arrivals.push(now + waitUs)
    else now += Math.max(10_000, waitUs - QUEUE_US)
  }
  for (const arrival of arrivals.toSorted((a, b) => a - b)) {
    level = Math.max(0, level - (arrival - at) / 1e6 * PORTAL.perSecond) + 1
    at = arrival
    highest = Math.max(highest, level)
    sent += 1
  }
  return { highest, used: sent / (seconds * PORTAL.perSecond) }
}

test('the shared budget stays under the portal\'s threshold, also when its key vanishes, and is used to 95 % and more', async (t) => {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  t.after(() => { redis.disconnect() })
  await eventually(() => redis.status === 'ready')
  const taker = (script: string): { take: Take, forget: () => Promise<void> } => {
    const key = `limit:{${randomUUID()}}`
    return {
      take: async (nowUs, run = 'r1', shadow = '') => await redis.eval(script, 1, key, INTERVAL_US, DEPTH, 1, QUEUE_US, QUEUE_US, 0, shadow, `${nowUs}:${run}`) as Awaited<ReturnType<Take>>,
      forget: async () => { await redis.del(key) }
    }
  }
  const emptied = (forget: () => Promise<void>) => {
    let last = -1
    return async (second: number): Promise<void> => {
      if (second === last || second % 40 !== 20) return
      last = second
      await forget()
    }
  }

  await t.test('steady backlog', async () => {
    const { take } = taker(SCRIPT)
    const { highest, used } = await play(take, 600, () => Promise.resolve())
    assert.ok(highest <= PORTAL.burst, `level ${highest}`)
    assert.ok(used >= 0.95, `used ${used}`)
  })
  await t.test('key deleted every 40 s', async () => {
    const { take, forget } = taker(SCRIPT)
    const { highest } = await play(take, 600, emptied(forget))
    assert.ok(highest <= PORTAL.burst, `level ${highest}`)
  })
  await t.test('planted bug: a missing key grants a full burst, and the portal would refuse', async () => {
    const planted = SCRIPT.replace('if doubt ~= \'\' then tat = full + queue end', 'if doubt ~= \'\' then tat = now end')
    assert.notEqual(planted, SCRIPT)
    const { take, forget } = taker(planted)
    const { highest } = await play(take, 600, emptied(forget))
    assert.ok(highest > PORTAL.burst, `level ${highest}: the planted bug was not caught`)
  })
})

test('the script is sent once, then by its hash, and a Redis that has forgotten it gets it again', async (t) => {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  t.after(() => { redis.disconnect() })
  await eventually(() => redis.status === 'ready')
  const limiter = createLimiter(redis, { portal: randomUUID(), address: 'test', limits: { per_second: 1000, burst: 10000 } })
  const sentWhole = async (): Promise<number> => Number(/cmdstat_eval:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
  const before = await sentWhole()
  for (let i = 0; i < 40; i++) {
    if (i === 20) await redis.script('FLUSH')
    await limiter.slot(AbortSignal.timeout(5000))
    assert.equal(limiter.mode(), 'shared')
  }
  // Other tests share this Redis and lose the script with it.
  assert.ok(await sentWhole() - before < 20)
})
