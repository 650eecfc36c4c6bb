import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { NOON, testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { readDeals } from '../bitrix24/read.ts'
import { versionOf } from '../bitrix24/version.ts'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { compare } from './compare.ts'
import { createSweep } from './sweep.ts'
import type { Sweep, SweepDeps } from './sweep.ts'
import { createSweepTelemetry } from './telemetry.ts'
import type { Counts } from './work.ts'

const logger = createLogger('test', 'error')
const HOUR = 3_600_000

interface Room {
  readonly at: TestPortal
  readonly pool: Pool
  readonly log: EventLog
  readonly make: (own?: Partial<SweepDeps>) => Sweep
  /** One visit by a sweep of its own; gives its counts. */
  readonly pass: (own?: Partial<SweepDeps> & { full?: boolean }) => Promise<Counts>
  readonly signals: () => Promise<DealChangeSignalled[]>
  /** What the dispatcher does, in short: every deal that was signalled is read, and ends in the state as it is now. */
  readonly end: (status?: 'idle' | 'parked') => Promise<void>
}

async function open (t: TestContext, config: Parameters<typeof testPortal>[1] = {}): Promise<Room> {
  const at = await testPortal(t, { limits: { per_second: 1000, burst: 10_000 }, ...config })
  const client = await connectPortal(t, at.restUrl)
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, new URL('../../migrations', import.meta.url).pathname)
  const log = createMemoryLog()
  const make = (own: Partial<SweepDeps> = {}): Sweep => createSweep({
    log, pool, logger, telemetry: createSweepTelemetry(createRegistry()), portals: new Map([['p', { client, perSecond: 1000 }]]), times: { everyMs: HOUR, fullEveryMs: 24 * HOUR }, ...own
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
    at, pool, log, make,
    async pass ({ full = false, ...own } = {}) {
      const visited = await make(own).once('p', { full })
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

test('the first pass begins at the present; what was there long before stays to a backfill', async (t) => {
  const { at, pass, signals } = await open(t)
  at.create({ TITLE: 'long ago' })
  at.advance(HOUR)
  assert.equal((await pass()).listed, 0)
  at.advance(1000)
  const id = at.create({ TITLE: 'now' })
  at.advance(1000)
  await pass()
  assert.deepEqual((await signals()).map(s => [s.dealId, s.kind, s.channel]), [[String(id), 'added', 'sweep']])
})

test('a change costs one signal, and an unchanged portal none, by however many passes, one request each', async (t) => {
  const { at, pass, signals, end } = await open(t)
  await pass()
  at.advance(60_000)
  const id = at.create({ TITLE: 'A' })
  await pass()
  await end()
  for (let i = 0; i < 5; i += 1) { at.advance(10_000); assert.deepEqual([(await pass()).requests, (await signals()).length], [1, 1]) }
  at.update(id, { TITLE: 'B' })
  await pass()
  await end()
  for (let i = 0; i < 5; i += 1) { at.advance(30_000); await pass() }
  assert.deepEqual((await signals()).map(s => s.kind), ['added', 'updated'])
})

test('while the dispatcher is away a change is signalled once, and a newer one of that deal not again', async (t) => {
  const { at, pass, signals, end } = await open(t)
  await pass()
  const id = at.create({ TITLE: 'A' })
  for (let i = 0; i < 4; i += 1) { at.advance(5000); at.update(id, { TITLE: String(i) }); await pass() }
  assert.equal((await signals()).length, 1)
  await end()
  at.advance(5000)
  assert.deepEqual([(await pass()).same, (await signals()).length], [1, 1])
})

test('a deal in hand holds the cursor back until it can be judged, however long that takes', async (t) => {
  const { at, pool, pass, signals, end } = await open(t)
  await pass()
  const id = at.create({ TITLE: 'A' })
  await pass()
  await end()
  await pool.query(`update dispatch.work set status = 'unknown', claim_offset = last_offset`)
  at.advance(2000)
  at.update(id, { TITLE: 'B' })
  for (let i = 0; i < 4; i += 1) { at.advance(HOUR); assert.equal((await pass()).later, 1) }
  await pool.query(`update dispatch.work set status = 'idle'`)
  await pass()
  assert.equal((await signals()).length, 2)
})

test('our own deals are left out', async (t) => {
  const { at, pass, signals } = await open(t)
  await pass()
  at.create({ TITLE: 'ours', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: 'acme:1' })
  at.create({ TITLE: 'of a shop', ORIGINATOR_ID: 'shop', ORIGIN_ID: '1' })
  const counts = await pass()
  assert.deepEqual([counts.own, counts.signalled, (await signals()).length], [1, 1, 1])
})

test('deals deleted in the portal are signalled by the full pass alone, once, and no others', async (t) => {
  const { at, pass, signals, end } = await open(t)
  await pass()
  const [gone = 0] = Array.from({ length: 60 }, () => at.create({ TITLE: 'x' }))
  await pass()
  await end()
  at.remove(gone)
  assert.equal((await pass()).deleted, 0)
  assert.deepEqual([(await pass({ full: true })).asked, (await pass({ full: true })).deleted], [60, 0], 'its signal is open')
  assert.deepEqual((await signals()).filter(s => s.kind === 'deleted').map(s => s.dealId), [String(gone)])
  await end()
  assert.deepEqual([(await pass({ full: true })).asked, (await signals()).length], [59, 61])
})

test('a pass that the portal refuses leaves the cursor where it was', async (t) => {
  const { at, make, pass, signals } = await open(t)
  await pass()
  at.create({ TITLE: 'A' })
  at.fault({ where: 'auth', mode: 'no_auth', times: 1 })
  at.advance(HOUR)
  assert.equal((await make().once('p', { full: false }))?.result, 'failed')
  await pass()
  assert.equal((await signals()).length, 1)
})

test('two sweeps at once do the work of one', async (t) => {
  const { at, make, pass, signals, pool } = await open(t, { latency_ms: 100 })
  await pass()
  for (let i = 0; i < 120; i += 1) at.create({ TITLE: 'x' })
  const before = at.stats().requests
  const visits = await Promise.all([make(), make(), make()].map(sweep => sweep.once('p', { full: false })))
  assert.deepEqual(visits.map(visited => visited?.result ?? 'busy').toSorted(), ['busy', 'busy', 'done'])
  assert.equal((await signals()).length, 120)
  assert.ok(at.stats().requests - before <= 5, String(at.stats().requests - before))
  const { rows } = await pool.query<{ free: boolean }>('select lease_until < now() as free from sweep.portal')
  assert.deepEqual(rows, [{ free: true }])
})

test('a sweep that was taken over after its last request leaves no cursor', async (t) => {
  const { at, make, pass, pool, log } = await open(t)
  await pass()
  at.advance(HOUR)
  at.create({ TITLE: 'x' })
  const cursor = async (): Promise<unknown> => (await pool.query('select cursor_at, owner from sweep.portal')).rows
  const takeOver = async (): Promise<unknown> => await pool.query(`update sweep.portal set owner = 'another'`)
  const before = (await pool.query<{ cursor_at: Date }>('select cursor_at from sweep.portal')).rows[0]?.cursor_at
  const late = make({ log: { ...log, append: async (event) => { await takeOver(); return await log.append(event) } } })
  assert.equal((await late.once('p', { full: false }))?.result, 'lost')
  assert.deepEqual(await cursor(), [{ cursor_at: before, owner: 'another' }])
})

/** A deal that the list shows 10 s late, and one saved in the cursor's own second after the pass: how many are signalled. */
async function lateOnes (t: TestContext, own: Partial<SweepDeps>): Promise<number> {
  const { at, pass, signals } = await open(t, { switches: { list_lag_ms: 10_000 } })
  await pass(own)
  at.advance(60_500)
  at.create({ TITLE: 'shown late' })
  at.advance(5000)
  await pass(own)
  at.create({ TITLE: 'of the same second' })
  at.advance(60_000)
  await pass(own)
  return (await signals()).length
}

test('neither a lagging list nor equal seconds at the cursor hide a deal', async (t) => {
  assert.equal(await lateOnes(t, {}), 2)
})

test('planted: a cursor without overlap misses the first, and one that begins behind its own second both', async (t) => {
  assert.equal(await lateOnes(t, { parts: { listFrom: cursor => cursor } }), 1)
  assert.equal(await lateOnes(t, { parts: { listFrom: cursor => cursor + 1000 } }), 0)
})

/** A parked deal through three passes: how many signals it costs. */
async function parkedOnes (t: TestContext, own: Partial<SweepDeps>): Promise<number> {
  const { at, pass, signals, end } = await open(t)
  await pass(own)
  at.create({ TITLE: 'parked' })
  for (let i = 0; i < 3; i += 1) { await pass(own); await end('parked'); at.advance(5000) }
  return (await signals()).length
}

test('a parked deal is not tried again at every pass', async (t) => {
  assert.equal(await parkedOnes(t, {}), 1)
})

test('planted: comparing with the last transferred instead of the last ended version tries it each time', async (t) => {
  assert.equal(await parkedOnes(t, { parts: { compare: (listed, standing) => compare(listed, standing.status === 'parked' ? { ...standing, ended: null } : standing) } }), 3)
})

test('the clock of a portal, in another zone and far from ours, is its own measure', async (t) => {
  const { at, pass, signals, pool } = await open(t, { zone: '-05:00' })
  await pass()
  const { rows } = await pool.query<{ cursor_at: Date }>('select cursor_at from sweep.portal')
  assert.equal(rows[0]?.cursor_at.getTime(), NOON)
  at.create({ TITLE: 'x' })
  await pass()
  assert.equal((await signals()).length, 1)
})
