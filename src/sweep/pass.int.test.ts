import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { NOON } from '../../simulator/testing.ts'
import { HOUR, ROUTE, openSweep } from '../../test/support/sweep-room.ts'
import { listChanged } from '../bitrix24/list.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { compare } from './compare.ts'
import { listFrom } from './cursor.ts'
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

test('planted bug: a cursor without overlap misses the first, and one that begins behind its own second both', async (t) => {
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

test('planted bug: comparing with the last transferred instead of the last ended version tries it each time', async (t) => {
  assert.equal(await parkedOnes(t, { parts: { compare: (listed, standing) => compare(listed, standing.status === 'parked' ? { ...standing, ended: null } : standing) } }), 3)
})

/** 180 deals of one second, which is more than three pages of them: how many are signalled. */
async function oneSecond (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<number> {
  const { at, pass, signals } = await openSweep(t)
  await pass()
  at.advance(HOUR)
  for (let i = 0; i < 180; i += 1) at.create({ TITLE: 'x' })
  at.advance(1000)
  for (let i = 0; i < 20; i += 1) at.create({ TITLE: 'of the next second' })
  await pass({ parts })
  return new Set((await signals()).map(signal => signal.dealId)).size
}

test('equal seconds over the border of a page hide no deal', async (t) => {
  assert.equal(await oneSecond(t), 200)
})

test('planted bug: going on behind a full page by time alone misses the rest of its second', async (t) => {
  const byTimeAlone: typeof listChanged = async (...args) => {
    const listed = await listChanged(...args)
    return listed.kind === 'read' ? { ...listed, rest: listed.rest.filter(stretch => stretch.afterId === null) } : listed
  }
  assert.equal(await oneSecond(t, { listChanged: byTimeAlone }), 70)
})

/** While a pass of some minutes goes on, a deal that was listed already changes, and so does one that is to come: their signals after the next pass. */
async function changedMeanwhile (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<[listed: number, toCome: number]> {
  const { at, pass, signals, end } = await openSweep(t)
  await pass()
  at.advance(HOUR)
  const ids = Array.from({ length: 120 }, () => { at.advance(1000); return at.create({ TITLE: 'x' }) })
  const [early = 0, late = 0] = [ids[3], ids[110]]
  const slow: typeof listChanged = async (...args) => {
    const listed = await listChanged(...args)
    assert.ok(listed.kind === 'read')
    at.advance(100_000)
    if (listed.deals.some(deal => deal.id === String(early))) at.update(late, { TITLE: 'changed before it was listed' })
    if (listed.rest.length > 0) return listed
    // The dispatcher has ended what the first pages told, and one of those deals changes behind the last page.
    await end()
    at.update(early, { TITLE: 'changed after it was listed' })
    at.advance(100_000)
    return listed
  }
  await pass({ parts: { ...parts, listChanged: slow } })
  await pass({ parts })
  const of = async (id: number): Promise<number> => (await signals()).filter(signal => signal.dealId === String(id)).length
  return [await of(early), await of(late)]
}

test('a deal that changes while a pass goes on is found by that pass or by the next one', async (t) => {
  assert.deepEqual(await changedMeanwhile(t), [2, 1])
})

test('planted bug: a cursor at the end of a pass, not at its begin, misses what changed meanwhile', async (t) => {
  assert.deepEqual(await changedMeanwhile(t, { listFrom: cursor => listFrom(cursor + 600_000) }), [1, 1])
})

/** The portal tells times of its own zone, and its clock stands far behind ours: how many of two deals are signalled. */
async function inZone (t: TestContext, zone: string, own: { parts?: SweepDeps['parts'], client?: (client: PortalClient) => PortalClient } = {}): Promise<number> {
  const room = await openSweep(t, { zone })
  const portals = new Map([['p', { client: own.client?.(room.client) ?? room.client, perSecond: 1000, route: ROUTE }]])
  const pass = async (): Promise<unknown> => await room.pass({ portals, parts: own.parts ?? {} })
  await pass()
  room.at.create({ TITLE: 'x' })
  room.at.advance(10 * 60_000)
  await pass()
  room.at.create({ TITLE: 'y' })
  await pass()
  return (await room.signals()).length
}

test('the clock of a portal, in any zone and far from ours, is its own measure', async (t) => {
  const { pass, pool } = await openSweep(t, { zone: '-05:00' })
  await pass()
  const { rows } = await pool.query<{ cursor_at: Date }>('select cursor_at from sweep.portal')
  assert.equal(rows[0]?.cursor_at.getTime(), NOON)
  for (const zone of ['+03:00', '-05:00', '+05:30']) assert.equal(await inZone(t, zone), 2, zone)
})

test('planted bug: a cursor by our own clock misses all that a portal saves whose clock is behind', async (t) => {
  assert.equal(await inZone(t, '+03:00', { parts: { listFrom: () => listFrom(Date.now()) } }), 0)
})

test('planted bug: times without a zone, which a portal takes for its own, miss what a portal west of UTC saves', async (t) => {
  const naive = (client: PortalClient): PortalClient => ({
    ...client,
    batch: (commands, options) => client.batch(new Map([...commands].map(([key, command]) => [key, JSON.parse(JSON.stringify(command).replaceAll('+00:00', '')) as typeof command])), options)
  })
  assert.deepEqual([await inZone(t, '-05:00', { client: naive }), await inZone(t, '+00:00', { client: naive })], [0, 2])
})
