import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import type { TransferSucceeded } from '../domain/transfer/events.ts'
import type { DomainEvent, EventLog, Lease, LogRecord, RecordBatch, Topic } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool, inTransaction } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { beginCheckpoint, lockCheckpoint, moveCheckpoint } from './checkpoint.ts'
import { applyChunk, writeRows } from './chunk.ts'
import type { Chunk, ChunkResult } from './chunk.ts'
import { findLanded, findLink } from './deal/read.ts'
import { createProjector } from './projector.ts'
import type { ProjectorDeps } from './projector.ts'
import { hashTables } from './tables.ts'

const logger = createLogger('test', 'error')
const migrations = new URL('../../migrations', import.meta.url).pathname
const base = { correlationId: 'c', causationId: null, portal: 'acme' }

function signal (dealId: string, at: number): DealChangeSignalled {
  return { ...base, type: 'DealChangeSignalled', eventId: `s${at}`, occurredAt: at, dealId, kind: 'updated', channel: 'webhook', receivedAt: at, payload: '{}', payloadHash: '', repeat: false }
}

function succeeded (dealId: string, attemptNo: number, coveredCount: number): TransferSucceeded {
  return {
    ...base, type: 'TransferSucceeded', eventId: 'o', occurredAt: 60_000 + attemptNo, dealId, attemptId: `a${attemptNo}`, attemptNo, epoch: 1, coveredOffset: BigInt(coveredCount), coveredCount, signalledAt: 1000, target: 'main',
    snapshot: '{"OPPORTUNITY":"10.00","CURRENCY_ID":"EUR"}', sourceModifiedAt: 1, sourceHash: 'h', title: 'A\0B', stage: 'NEW', action: 'updated', targetDealId: '90', writtenFields: '{}', mappingVersion: 1, tries: 1, durationMs: 1
  }
}

function batch (topic: Topic, from: number, events: readonly DomainEvent[]): RecordBatch {
  const partition = 0
  const records: LogRecord[] = events.map((event, i) => ({ topic, partition, offset: BigInt(from + i), event, traceparent: null }))
  return { topic, partition, firstOffset: BigInt(from), nextOffset: BigInt(from + events.length), records }
}

// A log whose deliveries the test makes itself: repeats, gaps and interruptions are then exactly where it wants them.
async function setUp (t: TestContext, apply?: ProjectorDeps['apply']): Promise<{ pool: Pool, registry: Registry, seeks: bigint[], readonly deliver: (batch: RecordBatch) => Promise<void> }> {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, migrations)
  let onBatch: ((batch: RecordBatch, lease: Lease) => Promise<void>) | undefined
  const log = {
    subscribe (options: { onBatch: typeof onBatch }) {
      onBatch = options.onBatch
      return Promise.resolve({ stop: () => Promise.resolve(), dead: new Promise<Error>(() => undefined), isHealthy: () => true })
    }
  } as unknown as EventLog
  const registry = createRegistry()
  const projector = createProjector({ log, pool, logger, registry, ...(apply === undefined ? {} : { apply }) })
  await projector.start()
  t.after(() => projector.stop())
  const seeks: bigint[] = []
  const lease: Lease = { keepAlive: () => Promise.resolve(), commit: () => Promise.resolve(), seek: (offset) => { seeks.push(offset) }, lost: new AbortController().signal }
  return { pool, registry, seeks, deliver: async (one) => { await onBatch?.(one, lease) } }
}

const signals = Array.from({ length: 1300 }, (_, i) => signal(String(i % 7 + 1), i + 1))
const outcomes = Array.from({ length: 600 }, (_, i) => succeeded(String(i % 7 + 1), Math.floor(i / 7) + 1, Math.floor(i / 7) + 1))

test('rows are the same whatever the chunks, the repetition and the order of the two topics', async (t) => {
  const [one, other] = [await setUp(t), await setUp(t)]
  await one.deliver(batch('deal-signals', 0, signals))
  await one.deliver(batch('deal-transfers', 0, outcomes))
  for (const [from, to] of [[0, 50], [0, 200], [150, 600], [590, 600]] as const) await other.deliver(batch('deal-transfers', from, outcomes.slice(from, to)))
  for (const [from, to] of [[0, 3], [0, 900], [899, 1300]] as const) await other.deliver(batch('deal-signals', from, signals.slice(from, to)))
  assert.deepEqual(await hashTables(one.pool), await hashTables(other.pool))
  assert.equal((await hashTables(one.pool)).deal_timeline.rows, 1900)
  const { rows } = await one.pool.query<{ sum: bigint }>('select sum(open + applied + unchanged + superseded + skipped + parked)::bigint as sum from read.deal')
  assert.equal(rows[0]?.sum, 1300n)
})

test('at every moment the metrics say what SQL says, and the signals are the open ones and their ends', async (t) => {
  const { pool, registry, deliver } = await setUp(t)
  const told = async (): Promise<Record<string, number>> => {
    const values = (await registry.getSingleMetric('dealbridge_signals')?.get())?.values ?? []
    return Object.fromEntries(values.filter(each => each.labels['portal'] === 'acme').map(each => [String(each.labels['what']), each.value]))
  }
  const ends = async (): Promise<Record<string, number>> => {
    const { rows: [row] } = await pool.query<Record<string, bigint>>('select sum(applied) + sum(unchanged) + sum(superseded) + sum(skipped) + sum(parked) as ended, sum(open) as open, sum(applied) as applied from read_v1.deal')
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]))
  }
  let moments = 0
  for (const [topic, from, to] of [['deal-signals', 0, 400], ['deal-transfers', 0, 90], ['deal-signals', 400, 1300], ['deal-transfers', 90, 600]] as const) {
    await deliver(topic === 'deal-signals' ? batch(topic, from, signals.slice(from, to)) : batch(topic, from, outcomes.slice(from, to)))
    const { signals: seen = 0, open = 0, applied = 0, unchanged = 0, superseded = 0, skipped = 0, parked = 0 } = await told()
    const sql = await ends()
    assert.deepEqual([seen, open, applied], [(sql['open'] ?? 0) + (sql['ended'] ?? 0), sql['open'], sql['applied']])
    assert.equal(seen, open + applied + unchanged + superseded + skipped + parked)
    moments += 1
  }
  assert.equal(moments, 4)
  assert.equal((await told())['signals'], 1300)
  // A count that went wrong, which the table itself refuses, is seen by the equation.
  await pool.query('alter table read_v1.deal drop constraint every_signal_has_one_end')
  await pool.query('update read_v1.deal set applied = applied + 1 where deal_id = \'1\'')
  const wrong = await told()
  assert.equal(wrong['signals'], Object.entries(wrong).filter(([what]) => what !== 'signals').reduce((sum, [, value]) => sum + value, 0) - 1)
  await pool.query('alter table read_v1.deal rename to deal_away')
  assert.deepEqual(await told(), wrong, 'the last values stay while nothing can be asked')
})

test('a gap changes nothing and asks for the partition from the checkpoint', async (t) => {
  const { pool, seeks, deliver } = await setUp(t)
  await deliver(batch('deal-signals', 0, signals.slice(0, 5)))
  const before = await hashTables(pool)
  await deliver(batch('deal-signals', 8, signals.slice(8, 20)))
  assert.deepEqual(seeks, [5n])
  assert.deepEqual(await hashTables(pool), before)
  await deliver(batch('deal-signals', 5, signals.slice(5, 20)))
  assert.equal((await hashTables(pool)).deal_timeline.rows, 20)
})

test('offsets of records in quarantine are no gap', async (t) => {
  const { pool, seeks, deliver } = await setUp(t)
  await deliver({ ...batch('deal-signals', 0, signals.slice(0, 5)), nextOffset: 9n })
  await deliver({ topic: 'deal-signals', partition: 0, firstOffset: 9n, nextOffset: 12n, records: [] })
  await deliver(batch('deal-signals', 12, signals.slice(12, 14)))
  assert.deepEqual(seeks, [])
  assert.equal((await hashTables(pool)).deal_timeline.rows, 7)
})

test('a chunk that fails in the middle leaves nothing and comes again', async (t) => {
  let fails = 1
  const { pool, deliver } = await setUp(t, async (db, chunk) => await applyThen(db, chunk, () => { if (fails-- > 0) throw new Error('the power went') }))
  const empty = await hashTables(pool)
  await assert.rejects(deliver(batch('deal-signals', 0, signals.slice(0, 40))), { name: 'Error', message: /comes again/ })
  assert.deepEqual(await hashTables(pool), empty)
  await deliver(batch('deal-signals', 0, signals.slice(0, 60)))
  assert.equal((await hashTables(pool)).deal_timeline.rows, 60)
})

test('two readers of one partition at once count every record once', async (t) => {
  const { pool } = await setUp(t)
  const chunk: Chunk = { topic: 'deal-signals', partition: 0, from: 0n, next: 300n, records: batch('deal-signals', 0, signals.slice(0, 300)).records }
  await Promise.all([applyChunk(pool, chunk), applyChunk(pool, chunk), applyChunk(pool, chunk)])
  const { rows } = await pool.query<{ sum: bigint }>('select sum(signals_seen)::bigint as sum from read_v1.deal')
  assert.equal(rows[0]?.sum, 300n)
})

test('the link and the end of a signal can be asked for', async (t) => {
  const { pool, deliver } = await setUp(t)
  assert.deepEqual(await findLanded(pool, 'acme', '1', 0n), { ended: false, targetDealId: null })
  await deliver(batch('deal-transfers', 0, [succeeded('1', 1, 4)]))
  assert.equal(await findLink(pool, 'acme', '1'), '90')
  assert.deepEqual(await findLanded(pool, 'acme', '1', 4n), { ended: true, targetDealId: '90' })
  assert.deepEqual(await findLanded(pool, 'acme', '1', 5n), { ended: false, targetDealId: '90' })
})

// Planted bugs: each takes the place of the one transaction, and the repeated delivery above must bring it to light.
const bugs: Record<string, (pool: Pool, chunk: Chunk, crash: () => void) => Promise<ChunkResult>> = {
  async 'the checkpoint in a second transaction' (pool, chunk, crash) {
    const expected = await inTransaction(pool, async (client) => { await beginCheckpoint(client, chunk); return await lockCheckpoint(client, chunk) })
    await inTransaction(pool, client => writeRows(client, chunk.records.filter(r => r.offset >= expected)))
    crash()
    await inTransaction(pool, client => moveCheckpoint(client, chunk, chunk.next))
    return { kind: 'applied', records: 0, next: chunk.next }
  },
  async 'no drop of what was applied' (pool, chunk) {
    await inTransaction(pool, async (client) => { await beginCheckpoint(client, chunk); await writeRows(client, chunk.records); await moveCheckpoint(client, chunk, chunk.next) })
    return { kind: 'applied', records: 0, next: chunk.next }
  }
}

for (const [name, bug] of Object.entries(bugs)) {
  test(`planted bug: ${name} does not pass unseen`, async (t) => {
    let crashes = 1
    const { pool, deliver } = await setUp(t, (db, chunk) => bug(db, chunk, () => { if (crashes-- > 0) throw new Error('the power went') }))
    const right = await setUp(t)
    await deliver(batch('deal-signals', 0, signals.slice(0, 10))).catch(() => undefined)
    await deliver(batch('deal-signals', 0, signals.slice(0, 20))).catch(() => undefined)
    await right.deliver(batch('deal-signals', 0, signals.slice(0, 20)))
    assert.notDeepEqual(await hashTables(pool), await hashTables(right.pool))
  })
}

async function applyThen (pool: Pool, chunk: Chunk, fail: () => void): Promise<ChunkResult> {
  return await inTransaction(pool, async (client) => {
    await beginCheckpoint(client, chunk)
    await writeRows(client, chunk.records)
    await moveCheckpoint(client, chunk, chunk.next)
    fail()
    return { kind: 'applied', records: chunk.records.length, next: chunk.next }
  })
}
