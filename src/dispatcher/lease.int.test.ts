import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { monotonicMs } from '../platform/clock.ts'
import { createLogger } from '../platform/logger.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { startLease } from './lease.ts'
import type { LeaseTimes, TargetLease } from './lease.ts'

const logger = createLogger('test', 'error')
const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname
const TIMES: LeaseTimes = { ttlMs: 1500, renewMs: 200, marginMs: 300, standByMs: 50 }

interface Owner extends TargetLease { readonly pool: Pool, readonly seen: (number | null)[] }
interface Room { readonly pool: Pool, owner (name: string, times?: LeaseTimes, target?: string): Owner, expiry (): Promise<number> }

async function setUp (t: TestContext): Promise<Room> {
  const url = await freshDatabase(t)
  const pool = createPool(url, { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, MIGRATIONS)
  return {
    pool,
    owner (name, times = TIMES, target = 'main') {
      const own = createPool(url, { name, logger })
      const seen: (number | null)[] = []
      const lease = startLease({ pool: own, logger, target, owner: name, times, changed: () => seen.push(lease.epoch()) })
      t.after(async () => { await lease.stop(); if (!own.ended) await own.end() })
      return { ...lease, pool: own, seen }
    },
    async expiry () {
      const { rows } = await pool.query<{ ms: number }>('select extract(epoch from expires_at)::float8 * 1000 as ms from dispatch.lease where target = \'main\'')
      return rows[0]?.ms ?? 0
    }
  }
}

type Query = (text: string, values?: unknown[]) => Promise<unknown>

/** Puts `query` between an owner and PostgreSQL; gives the way to PostgreSQL itself. */
function between (pool: Pool, query: (real: Query) => Query): Query {
  const real = pool.query.bind(pool) as unknown as Query
  pool.query = query(real) as unknown as Pool['query']
  return real
}

/** The connections stay and PostgreSQL is silent, for longer than any lease of these tests lasts. */
function silence (pool: Pool): void {
  between(pool, () => () => new Promise((_resolve, reject) => { setTimeout(() => reject(new Error('no answer')), 3 * TIMES.ttlMs) }))
}

test('of two owners one holds the lease, and the other stands by through many renewals', async (t) => {
  const room = await setUp(t)
  const [a, b] = [room.owner('a'), room.owner('b')]
  await eventually(() => a.epoch() !== null || b.epoch() !== null)
  const [holder, other] = a.epoch() === null ? [b, a] : [a, b]
  const first = await room.expiry()
  await eventually(async () => {
    assert.equal(other.epoch(), null)
    return await room.expiry() > first + 2 * TIMES.ttlMs
  })
  assert.equal(holder.epoch(), 1)
  assert.deepEqual([holder.seen.length, other.seen.length], [1, 0])
})

test('a killed holder is replaced after its lease has ended and not before, by a higher epoch', async (t) => {
  const room = await setUp(t)
  const killed = room.owner('killed')
  await eventually(() => killed.epoch() !== null)
  const heir = room.owner('heir')
  silence(killed.pool)
  const ends = await room.expiry()
  await eventually(() => heir.epoch() !== null)
  const { rows } = await room.pool.query<{ taken: number }>(`select extract(epoch from expires_at)::float8 * 1000 - ${TIMES.ttlMs} as taken from dispatch.lease where owner = 'heir' and epoch = 2`)
  assert.ok((rows[0]?.taken ?? 0) >= ends, 'taken while it was another\'s')
  assert.equal(killed.epoch(), null)
})

test('the epoch is over at the deadline of the monotonic clock, though PostgreSQL never answers', async (t) => {
  const room = await setUp(t)
  const owner = room.owner('a')
  await eventually(() => owner.epoch() !== null)
  silence(owner.pool)
  const deadline = owner.deadline(1)
  assert.ok(deadline > monotonicMs() && deadline <= monotonicMs() + TIMES.ttlMs - TIMES.marginMs)
  await eventually(() => owner.epoch() === null)
  assert.ok(monotonicMs() >= deadline)
})

test('an unreachable PostgreSQL ends the epoch, and its return brings a higher one', async (t) => {
  const room = await setUp(t)
  const owner = room.owner('a')
  await eventually(() => owner.epoch() !== null)
  const real = between(owner.pool, () => () => Promise.reject(new Error('cut')))
  await eventually(() => owner.epoch() === null)
  between(owner.pool, () => real)
  assert.equal(await eventually(() => owner.epoch()), 2)
})

test('an epoch that was over does not come back, though nobody else took the lease meanwhile', async (t) => {
  const room = await setUp(t)
  // It renews after its own deadline and before the lease's end, as after a moment's stand-still.
  const owner = room.owner('a', { ...TIMES, renewMs: 300, marginMs: 1400 })
  const epochs = new Set<number>()
  let lapses = 0
  await eventually(() => {
    const epoch = owner.epoch()
    if (epoch === null) lapses += 1
    else epochs.add(epoch)
    return epochs.size > 2
  }, { everyMs: 5 })
  assert.deepEqual([...epochs], [1, 2, 3])
  assert.ok(lapses > 0)
})

test('nothing may be written under an epoch that is not held', async (t) => {
  const room = await setUp(t)
  const owner = room.owner('a')
  await eventually(() => owner.epoch() === 1)
  assert.deepEqual([owner.deadline(0), owner.deadline(2)], [0, 0])
})

test('a released lease is taken at once, also when a renewal was under way at the release', async (t) => {
  const room = await setUp(t)
  const owner = room.owner('a', { ...TIMES, ttlMs: 60_000 })
  await eventually(() => owner.epoch() !== null)
  const renewing = Promise.withResolvers<void>()
  between(owner.pool, real => async (text, values) => {
    if (text.includes('$4')) {
      renewing.resolve()
      await room.pool.query('select pg_sleep(0.2)')
    }
    return await real(text, values)
  })
  await renewing.promise
  await owner.stop()
  await room.pool.query('select pg_sleep(0.4)')
  const next = room.owner('b')
  assert.equal(await eventually(() => next.epoch(), { deadlineMs: 5000 }), 2)
  assert.equal(owner.epoch(), null)
})

test('a stop in the middle of an acquisition leaves no lease behind', async (t) => {
  const room = await setUp(t)
  await room.pool.query('insert into dispatch.lease values (\'main\', 1, \'b\', now() + interval \'1 hour\')')
  const owner = room.owner('a', { ...TIMES, ttlMs: 60_000 })
  const acquiring = Promise.withResolvers<void>()
  between(owner.pool, real => async (text, values) => {
    if (!text.includes('insert')) return await real(text, values)
    await room.pool.query('update dispatch.lease set expires_at = now() - interval \'1 second\'')
    acquiring.resolve()
    await room.pool.query('select pg_sleep(0.2)')
    return await real(text, values)
  })
  await acquiring.promise
  await owner.stop()
  await room.pool.query('select pg_sleep(0.4)')
  const next = room.owner('c')
  assert.equal(await eventually(() => next.epoch(), { deadlineMs: 5000 }), 3)
})

test('a deposed owner loses at its next renewal and takes nothing from the new one by its release', async (t) => {
  const room = await setUp(t)
  const owner = room.owner('a')
  await eventually(() => owner.epoch() === 1)
  await room.pool.query('update dispatch.lease set owner = \'b\', epoch = 2, expires_at = now() + interval \'1 hour\'')
  const { rows } = await eventually(async () => owner.epoch() === null && await room.pool.query<{ left: boolean }>('select expires_at > now() + interval \'30 minutes\' as left from dispatch.lease where owner = \'b\''))
  assert.equal(rows[0]?.left, true)
  assert.deepEqual(owner.seen, [1, null])
})

test('the epoch of a lease is above those of all targets, since a deal may go to another one', async (t) => {
  const room = await setUp(t)
  await room.pool.query('insert into dispatch.lease values (\'other\', 41, \'x\', now() + interval \'1 hour\')')
  const owner = room.owner('a')
  assert.equal(await eventually(() => owner.epoch()), 42)
})
