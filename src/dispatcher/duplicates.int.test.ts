import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDispatcher } from '../../test/support/dispatcher-room.ts'
import type { DispatcherRoom } from '../../test/support/dispatcher-room.ts'
import { eventually } from '../../test/support/eventually.ts'
import { copiesOf, listMade } from '../bitrix24/made.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { startDuplicateScan } from './duplicates.ts'
import { createPortalLanes } from './portals.ts'
import { createDispatcherTelemetry } from './telemetry.ts'

const logger = createLogger('test', 'error')
const OFTEN = { everyMs: 100, pauseMs: 20 }

interface Found { origin: string, ids: string[] }

const found = async (room: DispatcherRoom): Promise<Found[]> => (await room.pool.query<Found>('select origin, ids from dispatch.duplicate order by origin')).rows
const scans = async (room: DispatcherRoom): Promise<number> => Number((await room.pool.query<{ at: Date | null }>('select finished_at as at from dispatch.duplicate_scan where target = \'main\'')).rows[0]?.at?.getTime() ?? 0)

/** Waits until two scans have begun and ended from now on. */
async function twoScans (room: DispatcherRoom): Promise<void> {
  for (let n = 0; n < 2; n += 1) {
    const before = await scans(room)
    await eventually(async () => await scans(room) > before, { deadlineMs: 20_000 })
  }
}

/** 60 deals land; gives the room and their copies' ids by source id. */
async function landed (t: TestContext): Promise<{ room: DispatcherRoom, copies: Map<number, number> }> {
  const room = await openDispatcher(t)
  const ids = Array.from({ length: 60 }, (_, i) => room.acme.create({ TITLE: `deal ${i}` }))
  for (const id of ids) await room.signal(id)
  await room.dispatcher({ scanTimes: OFTEN })
  for (const id of ids) await room.atRest(id)
  const copies = new Map(ids.map(id => [id, Number(room.main.deals().find(deal => deal['ORIGIN_ID'] === `acme:${id}`)?.['ID'])]))
  return { room, copies }
}

test('a second deal with our ORIGIN pair is found, written down with the oldest first, and forgotten once a person has removed it', async (t) => {
  const { room, copies } = await landed(t)
  await twoScans(room)
  assert.deepEqual(await found(room), [])
  const [twice = 0, thrice = 0] = copies.keys()
  const second = (id: number): number => room.main.create({ TITLE: 'again', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: `acme:${id}` })
  // Far beyond the ids that one request goes through.
  for (let n = 0; n < 2600; n += 1) room.main.create({ TITLE: 'a person\'s own' })
  const [other, third, fourth] = [second(twice), second(thrice), second(thrice)]
  const wanted = [[`acme:${twice}`, [copies.get(twice), other]], [`acme:${thrice}`, [copies.get(thrice), third, fourth]]]
  await eventually(async () => (await found(room)).length === 2 && JSON.stringify((await found(room)).map(each => [each.origin, each.ids.map(Number)])) === JSON.stringify(wanted), { deadlineMs: 20_000 })
  room.main.store.remove(2, other, 1)
  await eventually(async () => (await found(room)).length === 1, { deadlineMs: 20_000 })
  assert.equal((await found(room))[0]?.origin, `acme:${thrice}`)
})

test('a deal whose row was lost is not taken for a double, nor is one that a person made without our pair', async (t) => {
  const { room, copies } = await landed(t)
  const [lost = 0] = copies.keys()
  await room.pool.query('delete from dispatch.work where deal_id = $1', [String(lost)])
  room.main.create({ TITLE: 'foreign', ORIGINATOR_ID: 'another', ORIGIN_ID: `acme:${lost}` })
  await twoScans(room)
  assert.deepEqual(await found(room), [])
})

test('a refused list is no word about doubles: what was found stays, and the scan goes on when the target answers', async (t) => {
  const { room, copies } = await landed(t)
  const [twice = 0] = copies.keys()
  room.main.create({ TITLE: 'again', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: `acme:${twice}` })
  await eventually(async () => (await found(room)).length === 1, { deadlineMs: 20_000 })
  room.main.fault({ where: 'answer', mode: 'html200', times: 5 })
  await twoScans(room)
  assert.equal((await found(room)).length, 1)
})

test('the answers name every copy, in a request that goes through 2,500 ids', async (t) => {
  const { room, copies } = await landed(t)
  const client = room.clients().get('main')
  assert.ok(client)
  const first = Math.min(...copies.values())
  const listed = await listMade(client, { kind: 'deal', from: BigInt(first) }, AbortSignal.timeout(10_000))
  assert.equal(listed.kind === 'read' && listed.made.length, 60)
  const asked = await copiesOf(client, { kind: 'deal', origins: [...copies.keys()].map(id => `acme:${id}`) }, AbortSignal.timeout(10_000))
  assert.equal(asked.kind === 'read' && asked.copies.size, 60)
})

test('while deals wait for the target a scan leaves its budget to them, and asks nine times as seldom', async (t) => {
  const room = await openDispatcher(t)
  const began = Date.now()
  const telemetry = createDispatcherTelemetry(createRegistry())
  const lanes = createPortalLanes({ clients: room.clients(), logger, telemetry, tell: () => undefined })
  const lease = { epoch: () => 1, deadline: () => Infinity, stop: () => Promise.resolve() }
  const scan = startDuplicateScan({ target: 'main', kinds: ['deal'], lease, lanes, isBusy: () => true, pool: room.pool, logger, telemetry, times: { everyMs: 60_000, pauseMs: 100 } })
  t.after(() => scan.stop())
  const asked = await eventually(() => room.main.journal().find(entry => entry.kind === 'received' && entry.at >= began)?.at)
  // A timer may be a millisecond early.
  assert.ok(asked - began >= 899, `${asked - began} ms`)
})
