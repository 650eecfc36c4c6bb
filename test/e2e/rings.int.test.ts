import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startSimulator } from '../../simulator/simulator.ts'
import type { Portal } from '../../simulator/portal.ts'
import { handler } from '../../simulator/testing.ts'
import { createBreaker } from '../../src/bitrix24/breaker.ts'
import { createPortalClient } from '../../src/bitrix24/client.ts'
import type { PortalClient } from '../../src/bitrix24/client.ts'
import { createLimiter } from '../../src/bitrix24/limiter.ts'
import { createDispatcher } from '../../src/dispatcher/dispatcher.ts'
import { prepareRoute } from '../../src/dispatcher/plan.ts'
import type { PreparedRoute } from '../../src/dispatcher/plan.ts'
import { createDispatcherTelemetry } from '../../src/dispatcher/telemetry.ts'
import { signalOf } from '../../src/eventlog/contract.ts'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import { migrate } from '../../src/platform/migrations.ts'
import { createOutgoing } from '../../src/platform/outgoing.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { createRedis } from '../../src/platform/redis.ts'
import { createSweep } from '../../src/sweep/sweep.ts'
import type { Sweep } from '../../src/sweep/sweep.ts'
import { createSweepTelemetry } from '../../src/sweep/telemetry.ts'
import { QUICK_LEASE } from '../support/dispatcher-room.ts'
import { eventually } from '../support/eventually.ts'
import { freshDatabase, services } from '../support/services.ts'

const LIMITS = { per_second: 1000, burst: 10_000 }
const logger = createLogger('test', 'error')

/** Portals that are source and target at once, each with a route to the next one and the last to the first. */
interface Ring {
  readonly portals: readonly Portal[]
  readonly pool: Pool
  readonly sweep: Sweep
  /** How many deals stand in the portals, and how many signals and writes there were. */
  readonly counts: () => Promise<{ deals: number[], signals: number, writes: number }>
  /** Waits until the dispatcher has nothing in hand. */
  readonly quiet: () => Promise<unknown>
}

async function openRing (t: TestContext, names: readonly string[], how: { webhooks: boolean, client?: (client: PortalClient) => PortalClient }): Promise<Ring> {
  const url = await freshDatabase(t)
  const pool = createPool(url, { name: 'test', logger })
  await migrate(pool, new URL('../../migrations', import.meta.url).pathname)
  const log = createMemoryLog()
  const door = await handler(t, async ({ path, form }) => {
    await log.append(signalOf(Number(form.get('data[FIELDS][ID]')), { portal: path.slice(1) }))
    return 200
  })
  const simulator = await startSimulator({ portals: names.map((name, i) => ({ name, first_id: 1000 * (i + 1), limits: LIMITS, webhooks: how.webhooks ? [{ url: `${door.url}/${name}`, kind: 'ui' as const }] : [] })) })
  const redis = createRedis((await services()).redis, logger)
  const outgoing = createOutgoing()
  await eventually(() => redis.status === 'ready')
  const address = randomUUID()
  const clients = new Map(await Promise.all(names.map(async (name): Promise<[string, PortalClient]> => {
    const limiter = createLimiter(redis, { portal: name, address, limits: LIMITS })
    await limiter.slot(AbortSignal.timeout(10_000))
    const client = createPortalClient({ name, restUrl: simulator.portal(name).restUrl, outgoing, limiter, breaker: createBreaker(), meter: { observe: () => undefined } })
    return [name, how.client?.(client) ?? client]
  })))
  const routes = new Map(names.map((name, i) => [name, { to: names[(i + 1) % names.length] ?? name, prepared: routeOf(name) }]))
  const dispatcher = createDispatcher({ log, pool, logger, telemetry: createDispatcherTelemetry(createRegistry()), clients, leaseTimes: QUICK_LEASE, unknownWaitMs: 1500, routes })
  const sweep = createSweep({ log, pool, logger, telemetry: createSweepTelemetry(createRegistry()), portals: new Map([...clients].map(([name, client]) => [name, { client, perSecond: 1000, route: { to: routes.get(name)?.to ?? name, mapping: routeOf(name).mapping } }])), times: { everyMs: 1000, fullEveryMs: 1000 }, backfill: true })
  await dispatcher.start()
  t.after(async () => { await dispatcher.stop(); await simulator.stop(); redis.disconnect(); await outgoing.close(); await pool.end() })
  const portals = names.map(name => simulator.portal(name))
  return {
    portals, pool, sweep,
    async counts () {
      let signals = 0
      await log.read('deal-signals', new Map(), (batch) => { signals += batch.records.length; return Promise.resolve() })
      return { deals: portals.map(portal => portal.deals().length), signals, writes: portals.flatMap(portal => portal.journal()).filter(entry => entry.kind === 'applied').length }
    },
    quiet: () => eventually(async () => {
      await Promise.all(portals.map(portal => portal.idle()))
      const { rows } = await pool.query(`select from dispatch.work where status not in ('idle', 'parked') or last_offset <> covered_offset`)
      return rows.length === 0
    }, { deadlineMs: 30_000 })
  }
}

function routeOf (name: string): PreparedRoute {
  return prepareRoute({ name, domain: `${name}.bitrix24.ru` }, { version: 1, target_category: 0, stages: {}, unmapped_stage: 'keep', fields: { TITLE: 'TITLE', OPPORTUNITY: 'OPPORTUNITY' }, computed: {}, on_delete: 'ignore', on_target_missing: 'park' })
}

/** A client that reads deals without their ORIGINATOR_ID, so that nobody can tell our own ones; look-ups by ORIGIN pair stay right. */
function forgetful (client: PortalClient): PortalClient {
  return {
    ...client,
    async batch (commands, options) {
      const answer = await client.batch(commands, options)
      if (answer.kind === 'failed') return answer
      return { ...answer, fate: (key) => {
        const [fate, filter] = [answer.fate(key), (commands.get(key)?.params['filter'] ?? {}) as Record<string, unknown>]
        if (fate.kind !== 'ok' || Object.keys(filter).some(name => name.includes('origin'))) return fate
        return { ...fate, result: JSON.parse(JSON.stringify(fate.result ?? null).replaceAll('"originatorId":"dealbridge"', '"originatorId":null')) as unknown }
      } }
    }
  }
}

for (const names of [['a', 'b'], ['a', 'b', 'c']]) {
  test(`a ring of ${names.length} portals, by webhook: each change goes one lap to the next portal and no further`, { timeout: 60_000 }, async (t) => {
    const ring = await openRing(t, names, { webhooks: true })
    const made = ring.portals.map(portal => ({ portal, id: portal.create({ TITLE: `of ${portal.name}`, OPPORTUNITY: 5 }) }))
    await eventually(async () => (await ring.counts()).deals.every(count => count === 2), { deadlineMs: 20_000 })
    await ring.quiet()
    for (const { portal, id } of made) portal.update(id, { TITLE: `changed in ${portal.name}` })
    await eventually(() => ring.portals.flatMap(portal => portal.deals()).every(deal => String(deal['TITLE']).startsWith('changed')), { deadlineMs: 20_000 })
    await ring.quiet()
    const lap = await ring.counts()
    assert.deepEqual(lap.deals, names.map(() => 2))
    assert.equal(lap.writes, 2 * names.length, 'one create and one update each')
    for (let pass = 0; pass < 3; pass += 1) for (const name of names) assert.equal((await ring.sweep.once(name, { full: true }))?.counts.own, 2, 'the copy, listed by time and by id')
    await ring.quiet()
    assert.deepEqual(await ring.counts(), lap, 'the sweep finds nothing of our own writes')
  })

  test(`a ring of ${names.length} portals, by the sweep alone: one lap, and further passes give no signal`, { timeout: 60_000 }, async (t) => {
    const ring = await openRing(t, names, { webhooks: false })
    for (const portal of ring.portals) portal.create({ TITLE: `of ${portal.name}` })
    for (const name of names) await ring.sweep.once(name, { full: true })
    await eventually(async () => (await ring.counts()).deals.every(count => count === 2), { deadlineMs: 20_000 })
    await ring.quiet()
    const lap = await ring.counts()
    assert.deepEqual([lap.signals, lap.writes], [names.length, names.length])
    for (let pass = 0; pass < 3; pass += 1) for (const name of names) await ring.sweep.once(name, { full: true })
    await ring.quiet()
    assert.deepEqual(await ring.counts(), lap)
  })
}

test('planted bug: where our own deals are not recognised, a ring of two never stops, by webhook nor by the sweep', { timeout: 60_000 }, async (t) => {
  const byWebhook = await openRing(t, ['a', 'b'], { webhooks: true, client: forgetful })
  byWebhook.portals[0]?.create({ TITLE: 'round and round' })
  await eventually(async () => (await byWebhook.counts()).writes > 6, { deadlineMs: 20_000 })
  const bySweep = await openRing(t, ['a', 'b'], { webhooks: false, client: forgetful })
  bySweep.portals[0]?.create({ TITLE: 'round and round' })
  await eventually(async () => {
    for (const name of ['a', 'b']) await bySweep.sweep.once(name, { full: false })
    return (await bySweep.counts()).writes > 3
  }, { deadlineMs: 20_000 })
})
