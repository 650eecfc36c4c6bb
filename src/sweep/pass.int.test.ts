import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { NOON } from '../../simulator/testing.ts'
import { HOUR, openSweep } from '../../test/support/sweep-room.ts'
import { compare } from './compare.ts'
import type { SweepDeps } from './sweep.ts'

test('the first pass begins at the present; what was there long before is left to the full pass', async (t) => {
  const { at, pass, signals } = await openSweep(t)
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
  const { at, pass, signals, end } = await openSweep(t)
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
  const { at, pass, signals, end } = await openSweep(t)
  await pass()
  const id = at.create({ TITLE: 'A' })
  for (let i = 0; i < 4; i += 1) { at.advance(5000); at.update(id, { TITLE: String(i) }); await pass() }
  assert.equal((await signals()).length, 1)
  await end()
  at.advance(5000)
  assert.deepEqual([(await pass()).same, (await signals()).length], [1, 1])
})

test('a deal in hand holds the cursor back until it can be judged, however long that takes', async (t) => {
  const { at, pool, pass, signals, end } = await openSweep(t)
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
  const { at, pass, signals } = await openSweep(t)
  await pass()
  at.create({ TITLE: 'ours', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: 'acme:1' })
  at.create({ TITLE: 'of a shop', ORIGINATOR_ID: 'shop', ORIGIN_ID: '1' })
  const counts = await pass()
  assert.deepEqual([counts.own, counts.signalled, (await signals()).length], [1, 1, 1])
})

test('a pass that the portal refuses leaves the cursor where it was', async (t) => {
  const { at, make, pass, signals } = await openSweep(t)
  await pass()
  at.create({ TITLE: 'A' })
  at.fault({ where: 'auth', mode: 'no_auth', times: 1 })
  at.advance(HOUR)
  assert.equal((await make().once('p', { full: false }))?.result, 'failed')
  await pass()
  assert.equal((await signals()).length, 1)
})

test('two sweeps at once do the work of one', async (t) => {
  const { at, make, pass, signals, pool } = await openSweep(t, { latency_ms: 100 })
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
  const { at, make, pass, pool, log } = await openSweep(t)
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
  const { at, pass, signals } = await openSweep(t, { switches: { list_lag_ms: 10_000 } })
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
  const { at, pass, signals, end } = await openSweep(t)
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
  const { at, pass, signals, pool } = await openSweep(t, { zone: '-05:00' })
  await pass()
  const { rows } = await pool.query<{ cursor_at: Date }>('select cursor_at from sweep.portal')
  assert.equal(rows[0]?.cursor_at.getTime(), NOON)
  at.create({ TITLE: 'x' })
  await pass()
  assert.equal((await signals()).length, 1)
})
