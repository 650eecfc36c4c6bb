import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { freePort } from '../../test/support/ports.ts'
import { freshDatabase, services } from '../../test/support/services.ts'
import { ROUTE } from '../../test/support/sweep-room.ts'
import { stressStartStop } from '../../test/support/start-stop.ts'
import { createDispatcher } from '../dispatcher/dispatcher.ts'
import { prepareRoute } from '../dispatcher/plan.ts'
import { createDispatcherTelemetry } from '../dispatcher/telemetry.ts'
import { createKafkaLog } from '../eventlog/kafka-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { initLog } from '../eventlog/topics.ts'
import { createIngest } from '../ingest/ingest.ts'
import type { IngestOptions } from '../ingest/ingest.ts'
import { createKafka } from '../platform/kafka.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { createProjector } from '../projections/projector.ts'
import { createQuery } from '../query/server.ts'
import { noOrders } from '../../test/support/orders.ts'
import { createSweep } from '../sweep/sweep.ts'
import { createSweepTelemetry } from '../sweep/telemetry.ts'
import { testPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'

const logger = createLogger('test', 'error')
const migrations = new URL('../../migrations', import.meta.url).pathname

interface World { readonly log: EventLog, readonly pool: Pool, readonly dataDir: string, readonly members: (group: string) => Promise<number> }

async function setUp (t: TestContext): Promise<World> {
  const parts = await services()
  const topicPrefix = `stress-${randomBytes(6).toString('hex')}-`
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-stress-'))
  const kafka = { brokers: parts.kafka, clientId: 'stress' }
  await initLog({ kafka, registryUrl: parts.registry, logger, topicPrefix })
  const log = await createKafkaLog({ kafka, registryUrl: parts.registry, dataDir, logger, registry: createRegistry(), topicPrefix })
  const pool = createPool(await freshDatabase(t), { name: 'stress', logger })
  const admin = createKafka(kafka).admin()
  await admin.connect()
  t.after(async () => { await admin.disconnect(); await log.close(1000); await pool.end(); rmSync(dataDir, { recursive: true }) })
  await migrate(pool, migrations)
  return { log, pool, dataDir, members: async group => (await admin.describeGroups([topicPrefix + group])).groups[0]?.members.length ?? 0 }
}

/** Whether a server listens on `port`. */
async function listens (port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)
}

test('the projector bears every order of start and stop, with one reader in its group', { timeout: 120_000 }, async (t) => {
  const { log, pool, members } = await setUp(t)
  await stressStartStop(() => {
    const room = createProjector({ log, pool, logger, registry: createRegistry() })
    return { start: () => room.start(), stop: () => room.stop(), isWorking: async () => (await room.readiness()).length === 0 && await members('projector') === 1, isGone: async () => (await room.readiness()).includes('kafka') && await members('projector') === 0 }
  })
})

test('the dispatcher bears every order of start and stop, with one reader in its group and a lease for its target and one for what has no route', { timeout: 120_000 }, async (t) => {
  const { log, pool, members } = await setUp(t)
  const prepared = prepareRoute({ name: 'acme', domain: 'acme.bitrix24.ru' }, { version: 1, target_category: 0, stages: {}, unmapped_stage: 'park', fields: {}, computed: {}, on_delete: 'ignore', on_target_missing: 'park' })
  const leases = async (): Promise<{ held: number, taken: number }> => {
    const { rows } = await pool.query<{ held: string, taken: string }>('select count(*) filter (where expires_at > now()) as held, coalesce(max(epoch), 0) as taken from dispatch.lease')
    return { held: Number(rows[0]?.held), taken: Number(rows[0]?.taken) }
  }
  let stops = 0
  await stressStartStop(() => {
    const room = createDispatcher({ log, pool, logger, telemetry: createDispatcherTelemetry(createRegistry()), clients: new Map(), routes: new Map([['acme', { to: 'main', prepared }]]) })
    return {
      start: () => room.start(),
      stop: async () => { await room.stop(); stops += 1 },
      isWorking: async () => (await room.readiness()).length === 0 && await members('dispatcher') === 1 && (await leases()).held === 2,
      isGone: async () => (await room.readiness()).includes('kafka') && await members('dispatcher') === 0 && (await leases()).held === 0
    }
  })
  assert.equal(stops, 6)
  assert.ok((await leases()).taken <= 6, 'more leases were taken than there were starts')
})

test('the sweep bears every order of start and stop, and leaves no portal in hand', { timeout: 120_000 }, async (t) => {
  const { log, pool } = await setUp(t)
  const client = await connectPortal(t, (await testPortal(t, { limits: { per_second: 1000, burst: 10_000 }, latency_ms: 20 })).restUrl)
  const inHand = async (): Promise<number> => (await pool.query(`select from sweep.portal where lease_until > now()`)).rowCount ?? 0
  await stressStartStop(() => {
    const room = createSweep({ log, pool, logger, telemetry: createSweepTelemetry(createRegistry()), portals: new Map([['p', { client, perSecond: 1000, route: ROUTE }]]), times: { everyMs: 1, fullEveryMs: 1 }, backfill: true })
    return {
      start: () => room.start(),
      stop: () => room.stop(),
      isWorking: async () => (await room.readiness()).length === 0 && await inHand() === 1,
      isGone: async () => (await room.readiness()).includes('sweep') && await inHand() === 0
    }
  })
})

test('ingest bears every order of start and stop, and lets go of its port', { timeout: 60_000 }, async (t) => {
  const { log, dataDir } = await setUp(t)
  const port = await freePort()
  const options = { ingest: { host: '127.0.0.1', port, api_keys: [] }, data_dir: dataDir, allowed_domains: [], portals: [], routes: new Map() } as unknown as IngestOptions
  await stressStartStop(() => {
    const links = { findLink: () => Promise.resolve(null), findLanded: () => Promise.resolve({ ended: false, targetDealId: null }) }
    const room = createIngest({ log, claims: null, links, logger, registry: createRegistry() }, options)
    return { start: () => room.start(), stop: () => room.stop(), isWorking: async () => room.readiness().length === 0 && await listens(port), isGone: async () => !await listens(port) }
  })
})

test('query bears every order of start and stop, and lets go of its port', { timeout: 60_000 }, async (t) => {
  const { pool } = await setUp(t)
  const port = await freePort()
  await stressStartStop(() => {
    const room = createQuery({ pool, logger, registry: createRegistry(), orders: noOrders }, { host: '127.0.0.1', port, api_keys: [], portals: [] })
    return { start: () => room.start(), stop: () => room.stop(), isWorking: async () => (await room.readiness()).length === 0 && await listens(port), isGone: async () => !await listens(port) }
  })
})
