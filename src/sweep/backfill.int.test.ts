import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { HOUR, openSweep, small } from '../../test/support/sweep-room.ts'
import type { SweepRoom } from '../../test/support/sweep-room.ts'
import type { Forecast } from './forecast.ts'
import type { SweepDeps } from './sweep.ts'
import { PARTS } from './work.ts'

test('a new portal is backfilled once: what it had goes into the lane of the backfill, what is known already does not', async (t) => {
  const { at, pass, signals, end } = await openSweep(t)
  const ids = Array.from({ length: 120 }, () => String(at.create({ TITLE: 'old' })))
  at.create({ TITLE: 'ours', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: 'q:1' })
  at.advance(HOUR)
  const told: Forecast[] = []
  const first = await pass({ backfill: true, told: (_portal, forecast) => told.push(forecast) })
  assert.deepEqual([first.listed, first.asked, first.backfilled, first.own], [0, 121, 120, 1])
  assert.deepEqual((await signals()).map(s => [s.dealId, s.kind, s.channel]).toSorted(), ids.map(id => [id, 'added', 'backfill']).toSorted())
  assert.deepEqual([told[0], told.at(-1)].map(each => [each?.total, each?.listed, each?.signalled, each?.ended]), [[121, 0, 0, 0], [121, 121, 120, 0]])
  await end()
  const later = await pass({ backfill: true, full: true })
  assert.deepEqual([later.same, later.backfilled, (await signals()).length], [120, 0, 120])
})

test('with the backfill off, what nobody heard of is left out', async (t) => {
  const { at, pass, signals } = await openSweep(t)
  at.create({ TITLE: 'old' })
  at.advance(HOUR)
  const counts = await pass({ full: true })
  assert.deepEqual([counts.left, (await signals()).length], [1, 0])
})

test('a deal that was made since the pass by time is left to the next one, so that it does not wait behind the backfill', async (t) => {
  const { at, pass, signals } = await openSweep(t)
  let made = 0
  await pass({ backfill: true, told: () => { at.advance(1000); made ||= at.create({ TITLE: 'new' }) } })
  assert.ok(made > 0)
  assert.deepEqual(await signals(), [])
  await pass({ backfill: true })
  assert.deepEqual((await signals()).map(s => [s.dealId, s.channel]), [[String(made), 'sweep']])
})

/** A deal waits in the backfill and changes: the channels of its signals after three passes. */
async function changedInBackfill (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<string[]> {
  const { at, pass, signals } = await openSweep(t)
  const id = at.create({ TITLE: 'old' })
  at.advance(HOUR)
  await pass({ backfill: true, parts })
  at.advance(HOUR)
  at.update(id, { TITLE: 'changed' })
  for (let i = 0; i < 3; i += 1) { await pass({ backfill: true, parts }); at.advance(5000) }
  return (await signals()).map(s => s.channel)
}

test('a change of a deal that waits in the backfill does not wait with it, and is signalled once', async (t) => {
  assert.deepEqual(await changedInBackfill(t), ['backfill', 'sweep'])
})

test('planted bug: taking the signal of the backfill for an open one like any other leaves the change behind it', async (t) => {
  assert.deepEqual(await changedInBackfill(t, { waitsInBackfill: () => false }), ['backfill'])
})

/** 7,000 old deals and no dispatcher: how many a dozen visits signal. */
async function farAhead (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<{ room: SweepRoom, signalled: number }> {
  const room = await openSweep(t)
  for (let i = 0; i < 7000; i += 1) room.at.create({ TITLE: 'old' })
  room.at.advance(HOUR)
  for (let i = 0; i < 6; i += 1) await room.pass({ ...small(room, parts), backfill: true })
  return { room, signalled: (await room.signals()).length }
}

test('a backfill goes a bounded way ahead of the dispatcher, goes on as that ends it, and after failures, and signals each deal once', { timeout: 120_000 }, async (t) => {
  const { room, signalled } = await farAhead(t)
  const { at, pool, pass, make, signals } = room
  assert.ok(signalled > 2000 && signalled <= PARTS.backfillAhead, String(signalled))
  const end = async (): Promise<void> => {
    await pool.query(`
      insert into dispatch.work (portal, deal_id, target, status, last_offset, covered_offset, ended_modified, ended_hash)
      select 'p', deal_id, 'main', 'idle', log_offset, log_offset, 1, '' from sweep.signalled on conflict do nothing`)
  }
  await end()
  at.fault({ where: 'auth', mode: 'no_auth', times: 1 })
  assert.equal((await make({ ...small(room), backfill: true }).once('p', { full: false }))?.result, 'failed')
  for (let i = 0; i < 5; i += 1) { await pass({ ...small(room), backfill: true }); await end() }
  const all = (await signals()).filter(s => s.channel === 'backfill').map(s => s.dealId)
  assert.deepEqual([all.length, new Set(all).size], [7000, 7000])
  const { rows } = await pool.query('select full_after, full_listed, full_total, full_ended_at is not null as ended from sweep.portal')
  assert.deepEqual(rows, [{ full_after: null, full_listed: 7000n, full_total: 7000n, ended: true }])
})

test('planted bug: without the bound all of it stands in the work table at once', { timeout: 120_000 }, async (t) => {
  assert.equal((await farAhead(t, { backfillAhead: Infinity })).signalled, 7000)
})

/** The part of a portal's smallest budget (2 requests a second) that minutes of passes take while 20 deals a minute change and the first full pass runs. */
async function partOfBudget (t: TestContext, own: { minutes: number, full: boolean }): Promise<number> {
  const room = await openSweep(t)
  const { at, pass } = room
  const ids = Array.from({ length: 1200 }, () => at.create({ TITLE: 'old' }))
  for (let i = 0; i < 8000; i += 1) at.create({ TITLE: 'ours', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: `q:${i}` })
  at.advance(HOUR)
  const before = at.stats().requests
  let asked = 0
  for (let minute = 0; minute < own.minutes; minute += 1) {
    for (const id of ids.slice(minute * 20, minute * 20 + 20)) at.update(id, { TITLE: String(minute) })
    asked += (await pass({ ...small(room), full: own.full, backfill: true })).asked
    at.advance(60_000)
  }
  assert.ok(asked >= 9200, 'the full pass is in the account')
  return (at.stats().requests - before) / (own.minutes * 60 * 2)
}

test('an hour of passes at the default period, with twenty changes a minute and a full pass, takes under 2 % of the smallest budget', { timeout: 120_000 }, async (t) => {
  const part = await partOfBudget(t, { minutes: 60, full: false })
  t.diagnostic(`${(part * 100).toFixed(2)} %`)
  assert.ok(part > 0.005 && part < 0.02, String(part))
})

test('planted bug: a whole full pass in every period takes more', { timeout: 120_000 }, async (t) => {
  assert.ok(await partOfBudget(t, { minutes: 5, full: true }) > 0.02)
})
