import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { HOUR, openSweep } from '../../test/support/sweep-room.ts'
import { hashOf } from '../platform/hash.ts'
import { createRegistry } from '../platform/metrics.ts'
import { walkDeals } from '../bitrix24/walk.ts'
import { isBelievable } from './believable.ts'
import { compare } from './compare.ts'
import type { SweepDeps } from './sweep.ts'
import { createSweepTelemetry } from './telemetry.ts'

const [DEAL, CONTACT] = [2, 3] as const

/** A deal that is known and at rest, and then gets another sum without another modification time, as product rows do. */
async function silentChange (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<[byTime: number, byId: number]> {
  const room = await openSweep(t)
  const { at, pass, signals, end } = room
  await pass()
  const id = at.create({ TITLE: 'A', OPPORTUNITY: 1 })
  await pass()
  await end()
  at.advance(HOUR)
  await pass()
  at.store.all(DEAL).set(id, { ...at.store.get(DEAL, id), OPPORTUNITY: 2 })
  const before = (await signals()).length
  await pass({ parts })
  const byTime = (await signals()).length - before
  await pass({ full: true, parts })
  const found = (await signals()).slice(before + byTime)
  assert.ok(found.every(signal => signal.channel === 'sweep' && signal.kind === 'updated'))
  await end()
  await pass({ full: true, parts })
  assert.equal((await signals()).length, before + byTime + found.length, 'once it ended, it costs nothing')
  return [byTime, found.length]
}

test('a change that leaves the modification time alone is found by the full pass, and not before', async (t) => {
  assert.deepEqual(await silentChange(t), [0, 1])
})

test('planted bug: a comparison by time alone misses it', async (t) => {
  assert.deepEqual(await silentChange(t, { compare: (listed, standing) => compare({ ...listed, hash: standing.ended?.hash ?? listed.hash }, standing) }), [0, 0])
})

test('deals deleted in the portal are signalled by the full pass alone, once, and no others', async (t) => {
  const { at, pass, signals, end } = await openSweep(t)
  await pass()
  const [gone = 0] = Array.from({ length: 60 }, () => at.create({ TITLE: 'x' }))
  await pass()
  await end()
  at.remove(gone)
  assert.equal((await pass()).deleted, 0)
  assert.deepEqual([(await pass({ full: true })).asked, (await pass({ full: true })).deleted], [59, 0], 'its signal is open')
  assert.deepEqual((await signals()).filter(s => s.kind === 'deleted').map(s => [s.dealId, s.channel]), [[String(gone), 'sweep']])
  await end()
  assert.deepEqual([(await pass({ full: true })).asked, (await signals()).length], [59, 61])
})

test('a deal that the list did not show, but shows when it is asked for, is not signalled as deleted', async (t) => {
  const { at, pool, pass, signals } = await openSweep(t, { switches: { list_lag_ms: 10_000 } })
  await pass()
  const id = at.create({ TITLE: 'made a moment ago' })
  await pool.query(`insert into read_v1.deal (portal, deal_id, signals_seen, signal_received_at, status, ended, applied) values ('p', $1, 1, now(), 'landed', 1, 1)`, [String(id)])
  const listed: number[] = []
  const counts = await pass({ full: true, told: (_portal, { listed: so }) => { listed.push(so); if (listed.length === 2) at.advance(20_000) } })
  assert.deepEqual([counts.asked, counts.deleted, await signals()], [0, 0, []])
})

/**
 * Three deals at rest share a contact that dealbridge made, as `written` names it there (null: nothing is sure); a fourth has one that was
 * recognised. Gives the deals that a full pass signals. `claimed`: by an owner of this epoch, while the lease stands at 5.
 */
async function sharedContact (t: TestContext, written: string | null, claimed: number | null = null): Promise<string[]> {
  const { at, pool, pass, signals, end } = await openSweep(t)
  const [ann, bob] = ['Ann', 'Bob'].map(NAME => at.store.add(CONTACT, { NAME }, 1))
  await pass()
  const shared = [0, 1, 2].map(() => at.create({ TITLE: 'x', CONTACT_IDS: [ann] }))
  at.create({ TITLE: 'y', CONTACT_IDS: [bob] })
  await pass()
  await end()
  await pool.query(`update dispatch.work set link = '9' || deal_id`)
  await pool.query(`
    insert into dispatch.record (target, portal, kind, source_id, status, link, adopted, written_hash, claim_epoch, attempt_id)
    values ('main', 'p', 'contact', $1, $4, '900', false, $3, $5, 'a'), ('main', 'p', 'contact', $2, 'idle', '901', true, 'something else', null, null)`,
  [ann, bob, written === null ? null : hashOf({ NAME: written }), claimed === null ? 'idle' : 'claimed', claimed])
  await pool.query('insert into dispatch.lease values (\'main\', 5, \'o\', now())')
  await pass({ full: true })
  const found = (await signals()).filter(signal => signal.kind === 'updated')
  assert.ok(found.every(signal => signal.channel === 'sweep' && shared.includes(Number(signal.dealId))))
  return found.map(signal => signal.dealId)
}

test('a contact that differs from what was written is brought along by one of its deals; one that was recognised is not asked about', async (t) => {
  assert.deepEqual([(await sharedContact(t, 'Anne')).length, (await sharedContact(t, 'Ann')).length], [1, 0])
})

test('a contact of which nothing is sure, or that a dead owner left claimed, is brought along too; one that is in hand is not', async (t) => {
  assert.deepEqual([(await sharedContact(t, null)).length, (await sharedContact(t, 'Anne', 4)).length, (await sharedContact(t, 'Anne', 5)).length], [1, 1, 0])
})

/** 60 of 100 deals vanish from the lists, as when a right is withdrawn: how many a full pass signals as deleted. */
async function hiddenOnes (t: TestContext, own: { trusted?: boolean, parts?: SweepDeps['parts'] } = {}): Promise<[deleted: number, absent: number, gauge: number | undefined]> {
  const { at, pass, end } = await openSweep(t)
  await pass()
  const ids = Array.from({ length: 100 }, () => at.create({ TITLE: 'x' }))
  await pass()
  await end()
  for (const id of ids.slice(0, 60)) at.hide(id)
  const telemetry = createSweepTelemetry(createRegistry())
  const { deleted, absent } = await pass({ full: true, telemetry, ...own.trusted === undefined ? {} : { trusted: own.trusted }, ...own.parts === undefined ? {} : { parts: own.parts } })
  return [deleted, absent, (await telemetry.absent.get()).values[0]?.value]
}

test('what an operator holds is signalled by no pass, changed or deleted, since its release is a signal; let go without one, it is found again', async (t) => {
  const { at, pool, pass, signals, end } = await openSweep(t)
  await pass()
  const [changed, deleted] = [at.create({ TITLE: 'held' }), at.create({ TITLE: 'held, too' })]
  await pass()
  await end('parked')
  await pool.query('update dispatch.work set held = true')
  at.advance(60_000)
  at.update(changed, { TITLE: 'changed' })
  at.remove(deleted)
  const before = (await signals()).length
  await pass({ full: true })
  at.advance(HOUR)
  await pass({ full: true })
  assert.equal((await signals()).length, before)
  await pool.query('update dispatch.work set held = false')
  await pass({ full: true })
  const told = (await signals()).filter(signal => signal.kind !== 'added').map(signal => `${signal.dealId} ${signal.kind}`)
  assert.deepEqual(new Set(told), new Set([`${changed} updated`, `${deleted} deleted`]))
})

test('too many deals that are absent at once are an alarm, no deletions, unless a person says so', async (t) => {
  assert.deepEqual(await hiddenOnes(t), [0, 60, 60])
  assert.deepEqual(await hiddenOnes(t, { trusted: true }), [60, 0, 0])
})

test('planted bug: without that guard a withdrawn right would close 60 deals', async (t) => {
  assert.deepEqual(await hiddenOnes(t, { parts: { isBelievable: () => true } }), [60, 0, 0])
})

test('fifty deals and a fifth of all make deletions hard to believe', () => {
  assert.deepEqual([isBelievable(49, 49), isBelievable(50, 249), isBelievable(50, 250), isBelievable(0, 0)], [true, false, true, true])
})

test('a deal in hand is signalled by the full pass, since it was read perhaps before a silent change; one that just changed is left to the pass by time', async (t) => {
  const { at, pool, pass, signals, end } = await openSweep(t)
  await pass()
  const id = at.create({ TITLE: 'A' })
  await pass()
  await end()
  await pool.query(`update dispatch.work set status = 'claimed', claim_offset = last_offset`)
  at.store.all(DEAL).set(id, { ...at.store.get(DEAL, id), OPPORTUNITY: 2 })
  assert.deepEqual([(await pass({ full: true })).later, (await signals()).length], [1, 1])
  // The deal holds the cursor back, so that the pass by time lists it again; without that it would be for the full pass alone.
  await pool.query(`update sweep.portal set cursor_at = cursor_at + interval '2 hours'`)
  at.advance(2 * HOUR)
  assert.deepEqual([(await pass({ full: true })).later, (await signals()).length], [0, 2])
})

/** 300 deals with ids next to each other, after a stretch of the portal where they lay far apart: how many are signalled. */
async function denseDeals (t: TestContext, parts: SweepDeps['parts'] = {}): Promise<number> {
  const { at, pool, pass, signals } = await openSweep(t)
  for (let i = 0; i < 300; i += 1) at.create({ TITLE: 'old' })
  at.advance(HOUR)
  await pass({ full: true })
  await pool.query('update sweep.portal set full_width = 2000')
  await pass({ full: true, backfill: true, parts })
  return (await signals()).length
}

test('pages that overflow, since ids lie closer than before, hide no deal', async (t) => {
  assert.equal(await denseDeals(t), 300)
})

test('planted bug: taking an overflowing page for a whole one hides what lies behind it', async (t) => {
  const careless: typeof walkDeals = async (client, mark, signal) => {
    const walked = await walkDeals(client, mark, signal)
    return walked.kind === 'read' ? { ...walked, upTo: walked.upTo === null ? null : mark.after + BigInt(49 * mark.width) } : walked
  }
  assert.equal(await denseDeals(t, { walkDeals: careless }), 50)
})
