import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import type { PortalClient } from '../../src/bitrix24/client.ts'
import { readDeals } from '../../src/bitrix24/read.ts'
import { versionOf } from '../../src/bitrix24/version.ts'
import type { DealChangeSignalled } from '../../src/domain/signal/signal.ts'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import { migrate } from '../../src/platform/migrations.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { createSweep } from '../../src/sweep/sweep.ts'
import type { OnceOptions, Sweep, SweepDeps } from '../../src/sweep/sweep.ts'
import { createSweepTelemetry } from '../../src/sweep/telemetry.ts'
import type { Counts, SweepRoute } from '../../src/sweep/work.ts'
import { connectPortal } from './portal-client.ts'
import { freshDatabase } from './services.ts'

const logger = createLogger('test', 'error')
export const HOUR = 3_600_000

/** Where the portal's deals go in this room: to `main`, with their contacts. */
export const ROUTE: SweepRoute = { to: 'main', mapping: { version: 1, target_category: 0, stages: {}, unmapped_stage: 'keep', fields: { TITLE: 'TITLE' }, contacts: { carry: true, fields: { NAME: 'NAME' }, match: [] }, on_delete: 'ignore', on_target_missing: 'park' } }

/** The sweep's room: a simulated portal `p` whose clock stands still, the real database, a log in memory. No backfill unless told. */
export interface SweepRoom {
  readonly at: TestPortal
  readonly client: PortalClient
  readonly pool: Pool
  readonly log: EventLog
  readonly make: (own?: Partial<SweepDeps>) => Sweep
  /** One visit by a sweep of its own; gives its counts. */
  readonly pass: (own?: Partial<SweepDeps> & Partial<OnceOptions>) => Promise<Counts>
  readonly signals: () => Promise<DealChangeSignalled[]>
  /** What the dispatcher does, in short: every deal that was signalled is read, and ends in the state as it is now. */
  readonly end: (status?: 'idle' | 'parked') => Promise<void>
}

export async function openSweep (t: TestContext, config: Parameters<typeof testPortal>[1] = {}): Promise<SweepRoom> {
  const at = await testPortal(t, { limits: { per_second: 1000, burst: 10_000 }, ...config })
  const client = await connectPortal(t, at.restUrl)
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, new URL('../../migrations', import.meta.url).pathname)
  const log = createMemoryLog()
  const make = (own: Partial<SweepDeps> = {}): Sweep => createSweep({
    log, pool, logger, telemetry: createSweepTelemetry(createRegistry()), portals: new Map([['p', { client, perSecond: 1000, route: ROUTE }]]), times: { everyMs: HOUR, fullEveryMs: 24 * HOUR }, backfill: false, ...own
  })
  const records = async (): Promise<{ event: DealChangeSignalled, offset: bigint }[]> => {
    const out: { event: DealChangeSignalled, offset: bigint }[] = []
    await log.read('deal-signals', new Map(), (batch) => {
      for (const { event, offset } of batch.records) if (event.type === 'DealChangeSignalled') out.push({ event, offset })
      return Promise.resolve()
    })
    return out
  }
  return {
    at, client, pool, log, make,
    async pass ({ full = false, trusted = false, told = () => undefined, ...own } = {}) {
      const visited = await make(own).once('p', { full, trusted, told })
      assert.equal(visited?.result, 'done')
      return visited.counts
    },
    signals: async () => (await records()).map(({ event }) => event),
    async end (status = 'idle') {
      const last = new Map((await records()).map(({ event, offset }) => [event.dealId, offset]))
      const read = await readDeals(client, [...last.keys()], new AbortController().signal)
      for (const [id, offset] of last) {
        const source = read.kind === 'read' ? read.deals.get(id) : undefined
        const version = source?.kind === 'found' ? versionOf(source.deal) : null
        await pool.query(`
          insert into dispatch.work (portal, deal_id, target, status, last_offset, covered_offset, ended_modified, ended_hash) values ('p', $1, 'main', $2, $3, $3, $4, $5)
          on conflict (portal, deal_id) do update set status = excluded.status, last_offset = excluded.last_offset, covered_offset = excluded.covered_offset,
            ended_modified = coalesce(excluded.ended_modified, dispatch.work.ended_modified), ended_hash = coalesce(excluded.ended_hash, dispatch.work.ended_hash)`,
        [id, status, offset, version?.modifiedAt ?? null, version?.hash ?? null])
        await pool.query(`
          insert into read_v1.deal (portal, deal_id, signals_seen, signal_received_at, status, ended, applied) values ('p', $1, 1, now(), $2, 1, 1)
          on conflict (portal, deal_id) do update set status = excluded.status`, [id, version === null ? 'deleted' : status === 'parked' ? 'parked' : 'landed'])
      }
    }
  }
}

/** A portal of the smallest plan, so that a visit does one step of its full pass; nothing waits for the pace. */
export const small = (room: SweepRoom, parts: SweepDeps['parts'] = {}): Partial<SweepDeps> => ({
  portals: new Map([['p', { client: room.client, perSecond: 2, route: ROUTE }]]), times: { everyMs: 60_000, fullEveryMs: 24 * HOUR },
  parts: { createPace: () => ({ take: () => Promise.resolve() }), ...parts }
})
