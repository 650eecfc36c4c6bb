import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { formCall, openIngest } from '../../test/support/ingest-room.ts'
import { claimPorts } from '../../test/support/ports.ts'
import { services } from '../../test/support/services.ts'
import { createLogger } from '../platform/logger.ts'
import { createRedis } from '../platform/redis.ts'
import type { Redis } from '../platform/redis.ts'
import { createMemoryClaims, createRedisClaims } from './claims.ts'
import type { Claims } from './claims.ts'
import { createAsk } from './deadline.ts'
import { createDedup } from './dedup.ts'
import type { Dedup, Seen } from './dedup.ts'

const SECOND = 1_766_047_124_000

async function connect (t: TestContext): Promise<Redis> {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  t.after(() => { redis.disconnect() })
  await eventually(() => redis.status === 'ready')
  return redis
}
const dedupOver = (claims: Claims): Dedup => createDedup(claims, createAsk({ deadlineMs: 2000, restMs: 1000, monotonicMs: () => performance.now() }))
function appended (seen: Seen): Seen {
  if (seen.status !== 'counted') seen.settle(true)
  return seen
}

for (const [name, make] of [['on Redis', async (t: TestContext) => createRedisClaims(await connect(t))], ['in memory', () => Promise.resolve(createMemoryClaims(() => performance.now()))]] as const) {
  test(`claims ${name}: one of many takers gets a key, and it is free, taken or settled`, async (t) => {
    const claims = await make(t)
    const key = `test:${randomUUID()}`
    assert.equal(await claims.stateOf(key), 'free')
    assert.equal((await Promise.all(Array.from({ length: 50 }, () => claims.take(key, 10)))).filter(Boolean).length, 1)
    assert.equal(await claims.stateOf(key), 'taken')
    await claims.settle(key, 10)
    assert.equal(await claims.stateOf(key), 'settled')
    assert.equal(await claims.take(key, 10), false)
    await claims.release(key)
    assert.equal(await claims.take(key, 10), true)
    assert.ok(await claims.memoryBytes() > 0)
    await claims.release(key)
  })

  test(`claims ${name}: a claim and a settlement end with their time`, async (t) => {
    const claims = await make(t)
    const key = `test:${randomUUID()}`
    await claims.take(key, 1)
    await eventually(async () => await claims.stateOf(key) === 'free')
    await claims.settle(key, 1)
    assert.equal(await claims.take(key, 1), false)
    await eventually(() => claims.take(key, 1))
  })

  test(`dedup ${name}: a repeat is one once per deal and second, then only counted; another deal is not touched`, async (t) => {
    const dedup = dedupOver(await make(t))
    const [hash, deal] = [randomUUID(), `acme:${randomUUID()}`]
    assert.equal(appended(await dedup.look(hash, deal, SECOND)).status, 'first')
    const burst = await Promise.all(Array.from({ length: 20 }, async () => appended(await dedup.look(hash, deal, SECOND + 999)).status))
    assert.deepEqual(burst.toSorted(), [...Array.from({ length: 19 }, () => 'counted'), 'repeat'])
    assert.equal(appended(await dedup.look(hash, deal, SECOND + 1000)).status, 'repeat')
    assert.equal(appended(await dedup.look(randomUUID(), deal, SECOND)).status, 'first')
  })

  test(`dedup ${name}: a call of a robot is the first once per deal and second`, async (t) => {
    const dedup = dedupOver(await make(t))
    const deal = `acme:${randomUUID()}`
    const statuses = await Promise.all([0, 1, 500, 999, 1000].map(async ms => appended(await dedup.lookRobot(deal, SECOND + ms)).status))
    assert.deepEqual(statuses.toSorted(), ['counted', 'counted', 'counted', 'first', 'first'])
    assert.equal(appended(await dedup.lookRobot(`acme:${randomUUID()}`, SECOND)).status, 'first')
  })

  test(`dedup ${name}: what repeats one whose process died with it is appended, though another repeat of its deal came in that second`, async (t) => {
    const dedup = dedupOver(await make(t))
    const [lost, other, deal] = [randomUUID(), randomUUID(), `acme:${randomUUID()}`]
    assert.equal((await dedup.look(lost, deal, SECOND - 2000)).status, 'first')
    assert.deepEqual([appended(await dedup.look(other, deal, SECOND)).status, appended(await dedup.look(other, deal, SECOND)).status], ['first', 'repeat'])
    assert.deepEqual([appended(await dedup.look(lost, deal, SECOND)).status, appended(await dedup.look(lost, deal, SECOND)).status], ['repeat', 'counted'])
  })

  test(`dedup ${name}: what repeats an append that failed takes its place, once`, async (t) => {
    const claims = await make(t)
    let asked = 0
    const dedup = dedupOver({ ...claims, stateOf: (key) => { asked++; return claims.stateOf(key) } })
    const [hash, deal] = [randomUUID(), `acme:${randomUUID()}`]
    appended(await dedup.look(hash, deal, SECOND))
    const repeat = await dedup.look(hash, deal, SECOND)
    const waiting = dedup.look(hash, deal, SECOND)
    if (repeat.status === 'counted') assert.fail('the repeat was only counted')
    await eventually(() => asked > 1)
    repeat.settle(false)
    assert.equal((await waiting).status, 'repeat')
  })

  test(`dedup ${name}: a webhook whose append failed is new when it is sent again`, async (t) => {
    const dedup = dedupOver(await make(t))
    const [hash, deal] = [randomUUID(), `acme:${randomUUID()}`]
    const seen = await dedup.look(hash, deal, SECOND)
    if (seen.status === 'counted') assert.fail('the first was only counted')
    seen.settle(false)
    await eventually(async () => (await dedup.look(hash, deal, SECOND)).status === 'first')
  })
}

test('a claim lasts 10 s until the event is in the log, then an hour', async (t) => {
  const redis = await connect(t)
  const hash = randomUUID()
  const seen = await dedupOver(createRedisClaims(redis)).look(hash, `acme:${hash}`, SECOND)
  const ttl = await redis.ttl(`webhook:${hash}`)
  assert.ok(ttl > 8 && ttl <= 10, `${ttl}`)
  appended(seen)
  await eventually(async () => await redis.ttl(`webhook:${hash}`) > 3590)
  assert.ok(await redis.ttl(`webhook:${hash}`) <= 3600)
})

test('a second webhook with the same bytes is answered duplicate and appended too, marked, once per deal and second', async (t) => {
  const { app, events } = openIngest(t, { claims: createRedisClaims(await connect(t)) })
  const call = formCall({ ts: randomUUID() })
  const first = await app.inject(call)
  const began = Math.floor(Date.now() / 1000)
  const later = await Promise.all(Array.from({ length: 30 }, () => app.inject(call)))
  const seconds = Math.floor(Date.now() / 1000) - began + 1
  assert.deepEqual([first, ...later].map(r => r.json<{ status: string }>().status), ['success', ...later.map(() => 'duplicate')])
  assert.ok(events.length >= 2 && events.length <= 1 + seconds, `${events.length} in ${seconds} s`)
  assert.deepEqual(events.map(e => 'repeat' in e && e.repeat), [false, ...events.slice(1).map(() => true)])
})

test('with Redis away every webhook is success and appended, and waits for nothing', async (t) => {
  const redis = createRedis(`redis://127.0.0.1:${await claimPorts()}`, createLogger('test', 'error', { write () {} }))
  t.after(() => { redis.disconnect() })
  const { app, events } = openIngest(t, { claims: createRedisClaims(redis) })
  const call = formCall()
  for (let i = 0; i < 20; i++) assert.equal((await app.inject(call)).json<{ status: string }>().status, 'success')
  assert.equal(events.length, 20)
})

test('with a Redis that hangs a webhook costs one deadline and the next ones nothing', async (t) => {
  let asked = 0
  const hangs = (): Promise<never> => { asked++; return new Promise(() => undefined) }
  const { app, events } = openIngest(t, { claims: { take: hangs, settle: hangs, release: hangs, stateOf: hangs, memoryBytes: hangs } })
  await app.inject(formCall())
  const before = asked
  for (let i = 0; i < 10; i++) assert.equal((await app.inject(formCall())).json<{ status: string }>().status, 'success')
  assert.equal(events.length, 11)
  assert.equal(asked, before)
})
