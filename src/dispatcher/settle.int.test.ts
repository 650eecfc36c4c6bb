import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { freshDatabase } from '../../test/support/services.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { failed, succeeded, waitAgain } from './outcome.ts'
import { createSettler } from './settle.ts'
import type { Settler } from './settle.ts'
import { claimDue } from './sql/claim.ts'
import { noteSignals } from './sql/inbox.ts'
import { commitIntents } from './sql/intent.ts'
import { settleEnds } from './sql/settle.ts'
import type { EndSettlement } from './sql/settle.ts'
import { createDispatcherTelemetry } from './telemetry.ts'
import type { Claim, Planned } from './work.ts'

const logger = createLogger('test', 'error', { write: () => undefined })
const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname

interface Room { readonly pool: Pool, readonly settler: Settler, readonly gone: () => Promise<number>, readonly told: () => Promise<number> }

/** `fails` sees every statement of the settler and may refuse it; `log` may be another one than that in memory. */
async function setUp (t: TestContext, own: { fails?: (text: string) => boolean, log?: (pool: Pool) => EventLog } = {}): Promise<Room> {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, MIGRATIONS)
  await pool.query('insert into dispatch.lease values (\'main\', 1, \'me\', now() + interval \'1 hour\')')
  const real = pool.query.bind(pool) as unknown as (wanted: string | { text: string }, values?: unknown[]) => Promise<unknown>
  const watched = Object.create(pool) as Pool
  watched.query = (async (wanted: string | { text: string }, values?: unknown[]) => {
    if (own.fails?.(typeof wanted === 'string' ? wanted : wanted.text) === true) throw new Error('PostgreSQL is away')
    return await real(wanted, values)
  }) as unknown as Pool['query']
  const log = own.log?.(pool) ?? createMemoryLog()
  const telemetry = createDispatcherTelemetry(createRegistry())
  const settler = createSettler({ log, pool: watched, logger, telemetry, signal: new AbortController().signal })
  return {
    pool, settler, gone: async () => (await telemetry.zombies.get()).values[0]?.value ?? 0,
    told: async () => [...(await log.ends('deal-transfers')).values()].reduce((sum, end) => sum + Number(end), 0)
  }
}

const signal = (pool: Pool, offset: bigint): Promise<void> => noteSignals(pool, [{ portal: 'acme', dealId: '1', target: 'main', lane: 'live', count: 1, lastOffset: offset, firstReceivedAt: 1000, correlationId: 'c', causationId: 'e' }])
const row = async (pool: Pool): Promise<Record<string, unknown>> => (await pool.query<Record<string, unknown>>('select * from dispatch.work')).rows[0] ?? {}
const plan = (claim: Claim): Planned => ({ claim, write: { kind: 'update', link: '77', fields: {}, originId: 'acme:1' }, state: { snapshot: '{}', sourceModifiedAt: 5, sourceHash: 'h', title: '', stage: '' }, version: { modifiedAt: 5, hash: 'h' }, fieldsHash: 'fh', mappingVersion: 1, startedAt: 0 })

/** A write of the deal that was sent under the next epoch. */
async function sent (pool: Pool): Promise<Planned> {
  const { rows } = await pool.query<{ epoch: bigint }>('update dispatch.lease set epoch = epoch + 1 returning epoch')
  const epoch = Number(rows[0]?.epoch)
  const [claim] = await claimDue(pool, { target: 'main', epoch, takes: [{ lane: 'live', portal: 'acme', deals: 1 }] })
  assert.ok(claim)
  const planned = plan(claim)
  assert.equal((await commitIntents(pool, { target: 'main', epoch, planned: [planned] })).size, 1)
  return planned
}

/** The attempt of a former owner was settled as lost by its heir, who has the deal in hand now. */
async function replaced (pool: Pool): Promise<{ old: Planned, current: Planned }> {
  await signal(pool, 0n)
  const old = await sent(pool)
  await pool.query('update dispatch.work set status = \'waiting\', attempt_id = null, written_hash = null')
  return { old, current: await sent(pool) }
}

test('an outcome stands in the log before its row is settled', async (t) => {
  const seen: unknown[] = []
  const { pool, settler } = await setUp(t, {
    log: (own) => {
      const log = createMemoryLog()
      return { ...log, append: async (event) => { seen.push((await row(own))['status']); return await log.append(event) } }
    }
  })
  await signal(pool, 0n)
  await settler.tell([succeeded(await sent(pool), '77', 1)])
  assert.deepEqual([...seen, (await row(pool))['status'], (await row(pool))['written_hash']], ['intended', 'idle', 'fh'])
})

test('a row stays waiting when its last signal lies beyond what the attempt covered', async (t) => {
  const { pool, settler } = await setUp(t)
  await signal(pool, 4n)
  const planned = await sent(pool)
  await signal(pool, 5n)
  await settler.tell([succeeded(planned, '77', 1)])
  assert.deepEqual([(await row(pool))['status'], (await row(pool))['covered_offset'], (await row(pool))['written_hash']], ['waiting', 4n, 'fh'])
})

test('an error answer leaves the written hash void', async (t) => {
  const { pool, settler } = await setUp(t)
  await signal(pool, 0n)
  await settler.tell([succeeded(await sent(pool), '77', 1)])
  await signal(pool, 1n)
  const { claim } = await sent(pool)
  assert.equal(claim.writtenHash, 'fh')
  await settler.tell([failed(claim, { class: 'transient', code: 'x', detail: '' }, 1)])
  assert.deepEqual([(await row(pool))['status'], (await row(pool))['written_hash'], (await row(pool))['tries']], ['deferred', null, 1])
})

/** What a settlement of a replaced attempt without an answer changes in the row. */
async function stale (t: TestContext, settle: (pool: Pool, ends: readonly EndSettlement[]) => Promise<unknown>): Promise<boolean> {
  const { pool } = await setUp(t)
  const { old } = await replaced(pool)
  const before = await row(pool)
  await settle(pool, [succeeded(old, '77', 1).settlement as EndSettlement])
  return JSON.stringify(before, asText) !== JSON.stringify(await row(pool), asText)
}
const asText = (_name: string, value: unknown): unknown => typeof value === 'bigint' ? value.toString() : value

test('a settlement that names a stale attempt changes nothing', async (t) => {
  assert.equal(await stale(t, settleEnds), false)
})

test('planted bug: a settlement that names the deal in place of the attempt does not pass unseen', async (t) => {
  const byDeal = async (pool: Pool, ends: readonly EndSettlement[]): Promise<unknown> => await settleEnds(pool, await Promise.all(ends.map(async end => ({ ...end, attemptId: String((await row(pool))['attempt_id']) }))))
  assert.equal(await stale(t, byDeal), true)
})

test('an answered write whose attempt is gone makes the deal dirty, voids the hash, marks it suspect and alarms', async (t) => {
  const { pool, settler, gone } = await setUp(t)
  const { old, current } = await replaced(pool)
  await settler.tell([succeeded(old, '77', 1)])
  const { dirty, suspect, written_hash, status } = await row(pool)
  assert.deepEqual([dirty, suspect, written_hash, status, await gone()], [true, true, null, 'intended', 1])
  await settler.tell([succeeded(current, '77', 2)])
  assert.deepEqual([(await row(pool))['status'], (await row(pool))['written_hash']], ['waiting', null])
})

test('an attempt that is gone and had no answer changes nothing and does not alarm', async (t) => {
  const { pool, settler, gone } = await setUp(t)
  const { old } = await replaced(pool)
  await settler.tell([waitAgain(old.claim, { delayMs: 0, reason: 'x' }), failed(old.claim, { class: 'transient', code: 'x', detail: '' }, 1)])
  assert.deepEqual([(await row(pool))['suspect'], (await row(pool))['status'], await gone()], [false, 'intended', 0])
})

test('an owner that was cut off from PostgreSQL, replaced and then heard its answer makes the deal suspect as well', async (t) => {
  let failures = 2
  const { pool, settler, told } = await setUp(t, { fails: text => text.includes('covered_offset') && failures-- > 0 })
  const { old } = await replaced(pool)
  await settler.tell([succeeded(old, '77', 1)])
  assert.deepEqual([(await row(pool))['suspect'], (await row(pool))['dirty'], await told()], [true, true, 1])
})

test('a deal is marked suspect though PostgreSQL is away in that very moment', async (t) => {
  let failures = 2
  const { pool, settler } = await setUp(t, { fails: text => text.includes('suspect = true') && failures-- > 0 })
  const { old } = await replaced(pool)
  await settler.tell([succeeded(old, '77', 1)])
  assert.equal((await row(pool))['suspect'], true)
})
