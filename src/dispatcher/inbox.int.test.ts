import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { signalOf } from '../eventlog/contract.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import type { EventLog, Lease, LogRecord, RecordBatch } from '../eventlog/port.ts'
import { partitionOf } from '../platform/kafka-partition.ts'
import { createLogger } from '../platform/logger.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { InboxGap, subscribeInbox } from './inbox.ts'

const logger = createLogger('test', 'error')
const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname

interface Room { readonly pool: Pool, readonly log: EventLog, readonly seeks: bigint[], readonly commits: bigint[], readonly deliver: (batch: RecordBatch) => Promise<void>, readonly state: () => Promise<unknown> }

/** The inbox on a log whose deliveries the test makes itself, so that repeats and gaps are exactly where it wants them. */
async function setUp (t: TestContext): Promise<Room> {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, MIGRATIONS)
  let onBatch: Parameters<EventLog['subscribe']>[0]['onBatch'] | undefined
  const log: EventLog = {
    ...createMemoryLog(), subscribe: (options) => {
      onBatch = (batch, lease) => options.onBatch(batch, lease)
      return Promise.resolve({ stop: () => Promise.resolve(), dead: new Promise<Error>(() => undefined), isHealthy: () => true })
    }
  }
  await subscribeInbox({ log, pool, targetOf: portal => portal === 'west' ? 'main' : '-', noted: () => undefined })
  const [seeks, commits]: [bigint[], bigint[]] = [[], []]
  const lease: Lease = { keepAlive: () => Promise.resolve(), commit: (next) => { commits.push(next); return Promise.resolve() }, seek: (offset) => { seeks.push(offset) }, lost: new AbortController().signal }
  return {
    pool, log, seeks, commits,
    deliver: async (batch) => { await onBatch?.(batch, lease) },
    state: async () => [
      (await pool.query('select portal, deal_id, target, status, last_offset, signal_count, dirty_since, causation_id from dispatch.work order by 1, 2')).rows,
      (await pool.query('select * from dispatch.checkpoint order by 1, 2')).rows
    ]
  }
}

function batch (from: number, deals: readonly (number | string)[]): RecordBatch {
  const at = { topic: 'deal-signals', partition: 0 } as const
  const records: LogRecord[] = deals.map((deal, i) => ({ ...at, offset: BigInt(from + i), event: signalOf(deal, { eventId: `e${from + i}`, receivedAt: 1000 + from + i }), traceparent: null }))
  return { ...at, firstOffset: BigInt(from), nextOffset: BigInt(from + deals.length), records }
}

const range = (count: number, deals: number): number[] => Array.from({ length: count }, (_, i) => i % deals + 1)
const rowOf = async (pool: Pool, dealId: string): Promise<unknown> => (await pool.query('select signal_count, last_offset, causation_id, dirty_since from dispatch.work where deal_id = $1', [dealId])).rows[0]

test('signals of one deal become one row with their count, the last offset and the time of the first', async (t) => {
  const { pool, deliver, commits } = await setUp(t)
  await deliver(batch(0, [1, 2, 1, 1]))
  assert.deepEqual(await rowOf(pool, '1'), { signal_count: 3, last_offset: 3n, causation_id: 'e3', dirty_since: new Date(1000) })
  await deliver(batch(4, [1]))
  assert.deepEqual(await rowOf(pool, '1'), { signal_count: 4, last_offset: 4n, causation_id: 'e4', dirty_since: new Date(1000) })
  assert.deepEqual(commits, [4n, 5n])
})

test('what is delivered again, whole or in part, changes nothing', async (t) => {
  const { deliver, state } = await setUp(t)
  await deliver(batch(0, range(1200, 7)))
  const before = await state()
  await deliver(batch(0, range(1200, 7)))
  await deliver({ ...batch(700, range(500, 7)) })
  assert.deepEqual(await state(), before)
})

test('a chunk that fails in the middle leaves neither its rows nor its offset, and the chunks before it stay', async (t) => {
  const { pool, deliver, state } = await setUp(t)
  await deliver(batch(0, [1]))
  // The row is written and then the offset fails: only one transaction takes the row back.
  await pool.query('create function dispatch.fails () returns trigger language plpgsql as $$ begin raise exception \'the power went\'; end $$')
  await pool.query('create trigger fails before update on dispatch.checkpoint for each row when (new.next_offset > 501) execute function dispatch.fails()')
  await assert.rejects(deliver(batch(1, [...range(500, 2), ...range(10, 3)])), /the power went/)
  const left = await state()
  assert.deepEqual((await pool.query('select next_offset from dispatch.checkpoint')).rows, [{ next_offset: 501n }])
  assert.deepEqual(await rowOf(pool, '3'), undefined)
  assert.deepEqual(await state(), left)
  await pool.query('drop trigger fails on dispatch.checkpoint')
  await deliver(batch(1, [...range(500, 2), ...range(10, 3)]))
  assert.deepEqual((await pool.query('select sum(signal_count)::int as sum from dispatch.work')).rows, [{ sum: 511 }])
})

test('a gap takes nothing, seeks back to what is expected and throws', async (t) => {
  const { pool, deliver, seeks, commits, state } = await setUp(t)
  await deliver(batch(0, [1, 2]))
  const before = await state()
  await assert.rejects(deliver(batch(5, [1, 9])), InboxGap)
  assert.deepEqual([seeks, commits], [[2n], [2n]])
  assert.deepEqual(await state(), before)
  await deliver(batch(2, [3, 4, 5, 1, 9]))
  assert.deepEqual((await pool.query('select sum(signal_count)::int as sum from dispatch.work')).rows, [{ sum: 7 }])
})

test('offsets of records in quarantine are no gap, also when they are all there was', async (t) => {
  const { deliver, seeks } = await setUp(t)
  await deliver({ ...batch(0, [1]), nextOffset: 4n })
  await deliver({ ...batch(4, []), nextOffset: 9n })
  await deliver(batch(9, [1]))
  assert.deepEqual(seeks, [])
})

test('readers of one partition at the same time count every signal once', async (t) => {
  const { pool, deliver } = await setUp(t)
  // A row that is there already locks nobody out by its insertion.
  await deliver(batch(0, [1]))
  // And connections that are open already make the readers begin together.
  await Promise.all(range(3, 3).map(() => pool.query('select pg_sleep(0.1)')))
  const whole = batch(1, range(1200, 5))
  await Promise.all([deliver(whole), deliver(whole), deliver(whole)])
  assert.deepEqual((await pool.query('select sum(signal_count)::int as sum from dispatch.work')).rows, [{ sum: 1201 }])
})

test('a signal leaves a deal in hand in hand, and wakes one at rest', async (t) => {
  const { pool, deliver } = await setUp(t)
  const status = async (): Promise<unknown[]> => (await pool.query<Record<string, string>>('select deal_id, status from dispatch.work order by deal_id')).rows
  await deliver(batch(0, [1, 2, 3, 4, 5, 6]))
  const states = ['claimed', 'intended', 'unknown', 'deferred', 'idle', 'parked']
  for (const [i, name] of states.entries()) await pool.query('update dispatch.work set status = $1 where deal_id = $2', [name, String(i + 1)])
  await deliver(batch(6, [1, 2, 3, 4, 5, 6]))
  assert.deepEqual(await status(), ['claimed', 'intended', 'unknown', 'deferred', 'waiting', 'waiting'].map((name, i) => ({ deal_id: String(i + 1), status: name })))
})

test('a deal that goes to another target forgets its link there, and one that stays keeps it', async (t) => {
  const { pool, deliver } = await setUp(t)
  await deliver(batch(0, [1, 2]))
  await pool.query('update dispatch.work set status = \'idle\', link = \'77\', written_hash = \'h\', target = case deal_id when \'1\' then \'elsewhere\' else target end')
  await deliver(batch(2, [1, 2]))
  assert.deepEqual((await pool.query('select target, link, written_hash from dispatch.work order by deal_id')).rows, [{ target: 'main', link: null, written_hash: null }, { target: 'main', link: '77', written_hash: 'h' }])
})

test('two inboxes of one group on one log count every signal once while a third comes and goes', async (t) => {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, MIGRATIONS)
  const log = createMemoryLog()
  const join = async (): Promise<void> => { const inbox = await subscribeInbox({ log, pool, targetOf: () => 'main', noted: () => undefined }); t.after(() => inbox.stop()) }
  await join()
  await join()
  for (const deal of range(2000, 40)) await log.append(signalOf(deal))
  await join()
  for (const deal of range(2000, 40)) await log.append(signalOf(deal))
  await eventually(async () => (await pool.query<{ sum: number }>('select sum(signal_count)::int as sum from dispatch.work')).rows[0]?.sum === 4000)
  for (const [partition, end] of await log.ends('deal-signals')) {
    const { rows } = await pool.query<{ next_offset: bigint }>('select next_offset from dispatch.checkpoint where topic = \'deal-signals\' and partition = $1', [partition])
    assert.equal(rows[0]?.next_offset ?? 0n, end)
  }
  assert.equal((await pool.query<{ last_offset: bigint }>('select last_offset from dispatch.work where deal_id = \'1\'')).rows[0]?.last_offset, await lastOffset(log, 1))
})

async function lastOffset (log: EventLog, deal: number): Promise<bigint | undefined> {
  let last: bigint | undefined
  await log.read('deal-signals', new Map(), (one) => {
    if (one.partition === partitionOf(`west:${deal}`)) for (const record of one.records) if (record.event.dealId === String(deal)) last = record.offset
    return Promise.resolve()
  })
  return last
}
