import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { PortalConfig } from '../../simulator/config.ts'
import type { Portal } from '../../simulator/portal.ts'
import { startSimulator } from '../../simulator/simulator.ts'
import { createBreaker } from '../../src/bitrix24/breaker.ts'
import { createPortalClient } from '../../src/bitrix24/client.ts'
import type { PortalClient } from '../../src/bitrix24/client.ts'
import { createLimiter } from '../../src/bitrix24/limiter.ts'
import type { Limiter } from '../../src/bitrix24/limiter.ts'
import { createDispatcher } from '../../src/dispatcher/dispatcher.ts'
import type { Dispatcher, DispatcherDeps } from '../../src/dispatcher/dispatcher.ts'
import type { LeaseTimes } from '../../src/dispatcher/lease.ts'
import { prepareRoute } from '../../src/dispatcher/plan.ts'
import type { ComputedRule, PreparedRoute } from '../../src/dispatcher/plan.ts'
import { createDispatcherTelemetry } from '../../src/dispatcher/telemetry.ts'
import type { Mapping } from '../../src/domain/mapping/mapping.ts'
import type { TransferEvent } from '../../src/domain/transfer/events.ts'
import { signalOf } from '../../src/eventlog/contract.ts'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import { migrate } from '../../src/platform/migrations.ts'
import { createOutgoing } from '../../src/platform/outgoing.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { createRedis } from '../../src/platform/redis.ts'
import { eventually } from './eventually.ts'
import { freshDatabase, services } from './services.ts'

/** Long enough for a busy machine, short enough for a test. */
export const QUICK_LEASE: LeaseTimes = { ttlMs: 3000, renewMs: 300, marginMs: 300, standByMs: 50 }
const LIMITS = { per_second: 1000, burst: 10_000 }
const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname
const logger = createLogger('test', 'error')

export type WorkRow = Readonly<Record<string, unknown>>

/** The dispatcher's room: its real database, limiter and portals (simulated), on a log in memory. Source portals acme and beta, target main. */
export interface DispatcherRoom {
  readonly log: EventLog
  readonly pool: Pool
  readonly acme: Portal
  readonly beta: Portal
  readonly main: Portal
  readonly limiter: (portal: string) => Limiter
  /** The clients of all portals, with limiters that the test makes. */
  readonly clients: (limit?: (portal: string) => Limiter, requestLimitMs?: number) => ReadonlyMap<string, PortalClient>
  /** Starts a dispatcher; it stops with the test. `own` takes the place of the usual parts. */
  readonly dispatcher: (own?: Partial<DispatcherDeps>) => Promise<Dispatcher>
  /** A prepared mapping of title and sum; `more` adds to its rules. */
  readonly route: (computed?: Readonly<Record<string, ComputedRule>>, more?: Partial<Mapping> & { readonly from?: string }) => PreparedRoute
  readonly signal: (dealId: number, portal?: string) => Promise<void>
  /** What deal-transfers says about a deal. */
  readonly told: (dealId: number, portal?: string) => Promise<TransferEvent[]>
  readonly work: (dealId: number, portal?: string) => Promise<WorkRow>
  /** Waits until the deal's row is at rest with all its signals covered, and gives the row. */
  readonly atRest: (dealId: number, options?: { portal?: string, deadlineMs?: number }) => Promise<WorkRow>
  /** Another owner takes the lease for a moment: what a dispatcher held then belongs to a former epoch. */
  readonly stealLease: () => Promise<void>
}

export async function openDispatcher (t: TestContext, config: { target?: Partial<PortalConfig>, source?: Partial<PortalConfig>, log?: EventLog } = {}): Promise<DispatcherRoom> {
  const url = await freshDatabase(t)
  const pool = createPool(url, { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, MIGRATIONS)
  const portals: PortalConfig[] = [
    { name: 'acme', first_id: 1000, funnels: [{ id: 0 }], limits: LIMITS, ...config.source }, { name: 'beta', first_id: 7000, funnels: [{ id: 0 }], limits: LIMITS, ...config.source },
    { name: 'main', first_id: 500_000, limits: LIMITS, ...config.target }
  ]
  const simulator = await startSimulator({ portals })
  t.after(() => simulator.stop())
  const redis = createRedis((await services()).redis, logger)
  const outgoing = createOutgoing()
  t.after(async () => { redis.disconnect(); await outgoing.close() })
  await eventually(() => redis.status === 'ready')
  const address = randomUUID()
  const limiter = (portal: string): Limiter => createLimiter(redis, { portal, address, limits: LIMITS })
  // A budget of which nothing is known counts as full: without this the first request of every portal waits two seconds.
  await Promise.all(portals.map(({ name }) => limiter(name).slot(AbortSignal.timeout(10_000))))
  const clients: DispatcherRoom['clients'] = (limit = limiter, requestLimitMs = 60_000) => new Map(['acme', 'beta', 'main'].map(name => [name, createPortalClient({
    requestLimitMs, name, restUrl: simulator.portal(name).restUrl, outgoing, limiter: limit(name), breaker: createBreaker({ resetMs: 500 }), meter: { observe: () => undefined }
  })]))
  const log = config.log ?? createMemoryLog()
  const route: DispatcherRoom['route'] = (computed = {}, { from = 'acme', ...more } = {}) => prepareRoute({ name: from, domain: `${from}.bitrix24.ru` }, {
    version: 1, target_category: 0, stages: {}, unmapped_stage: 'keep', fields: { TITLE: 'TITLE', OPPORTUNITY: 'OPPORTUNITY' }, computed, on_delete: 'ignore', on_target_missing: 'park', ...more
  })
  const work = async (dealId: number, portal = 'acme'): Promise<WorkRow> => (await pool.query<WorkRow>('select * from dispatch.work where portal = $1 and deal_id = $2', [portal, String(dealId)])).rows[0] ?? {}
  return {
    log, pool, limiter, clients, route, work, acme: simulator.portal('acme'), beta: simulator.portal('beta'), main: simulator.portal('main'),
    async dispatcher (own = {}) {
      const ownPool = own.pool ?? createPool(url, { name: 'own', logger })
      const dispatcher = createDispatcher({
        log, pool: ownPool, logger, telemetry: createDispatcherTelemetry(createRegistry()), clients: clients(), leaseTimes: QUICK_LEASE, unknownWaitMs: 1500,
        routes: new Map(['acme', 'beta'].map(name => [name, { to: 'main', prepared: route() }])), ...own
      })
      await dispatcher.start()
      t.after(async () => { await dispatcher.stop(); if (!ownPool.ended) await ownPool.end() })
      return dispatcher
    },
    signal: async (dealId, portal = 'acme') => { await log.append(signalOf(dealId, { portal })) },
    async told (dealId, portal = 'acme') {
      const events: TransferEvent[] = []
      await log.read('deal-transfers', new Map(), (batch) => {
        for (const { event } of batch.records) if (event.type !== 'DealChangeSignalled' && event.portal === portal && event.dealId === String(dealId)) events.push(event)
        return Promise.resolve()
      })
      return events
    },
    atRest: (dealId, options = {}) => eventually(async () => {
      const row = await work(dealId, options.portal)
      return ['idle', 'parked'].includes(String(row['status'])) && row['covered_offset'] === row['last_offset'] && row
    }, { deadlineMs: options.deadlineMs ?? 15_000 }),
    stealLease: async () => { await pool.query('update dispatch.lease set owner = \'another\', epoch = epoch + 1, expires_at = now() where target = \'main\'') }
  }
}
