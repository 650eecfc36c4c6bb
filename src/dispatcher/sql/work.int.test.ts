import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rowsRead } from '../../../test/support/rows-read.ts'
import { freshDatabase } from '../../../test/support/services.ts'
import { LANES } from '../../domain/schedule/lane.ts'
import type { Lane } from '../../domain/schedule/lane.ts'
import { NO_CREDIT, shareOut } from '../../domain/schedule/share.ts'
import { createLogger } from '../../platform/logger.ts'
import { migrate } from '../../platform/migrations.ts'
import { createPool } from '../../platform/postgres.ts'
import type { Pool } from '../../platform/postgres.ts'
import { createAhead } from '../ahead.ts'
import type { Claim, Planned } from '../work.ts'
import { CLAIM_DUE, COUNT_DUE, claimDue, countDue, freeFormer, freeOrphans } from './claim.ts'
import { noteSignals } from './inbox.ts'
import { commitIntents, markUnknown, openIntents } from './intent.ts'
import { markSuspect, settleAgain, settleEnds } from './settle.ts'
import type { EndSettlement } from './settle.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../migrations/', import.meta.url))
const TARGET = 'main'

const signal = (pool: Pool, offset: bigint, dealId = '1', portal = 'acme'): Promise<void> => noteSignals(pool, [{ portal, dealId, target: TARGET, lane: 'live', count: 1, lastOffset: offset, firstReceivedAt: 1000, correlationId: 'c', causationId: 'e' }])
async function claim (pool: Pool, epoch = 1, limit = 50): Promise<Claim[]> {
  await freeFormer(pool, { target: TARGET, epoch })
  const { takes } = shareOut(await countDue(pool, { target: TARGET, most: limit, stopped: [] }), { deals: limit, quotas: new Map(), credit: NO_CREDIT })
  return await claimDue(pool, { target: TARGET, epoch, takes })
}
const setEpoch = (pool: Pool, epoch: number): Promise<unknown> => pool.query('insert into dispatch.lease (target, epoch, owner, expires_at) values ($1, $2, \'me\', now() + interval \'1 hour\') on conflict (target) do update set epoch = excluded.epoch', [TARGET, epoch])
const planned = (of: Claim): Planned => ({ claim: of, write: { kind: 'create', fields: {}, createdOnly: {}, originId: 'acme:1' }, state: { snapshot: '{}', sourceModifiedAt: 5, sourceHash: 'h', title: '', stage: '' }, version: { modifiedAt: 5, hash: 'h' }, fieldsHash: 'fh', mappingVersion: 1, startedAt: 0 })
const end = (of: Claim): EndSettlement => ({ kind: 'end', attemptId: of.attemptId, status: 'idle', coveredOffset: of.coveredOffset, coveredCount: of.coveredCount, link: '77', writtenHash: 'fh', modifiedAt: 5, hash: 'h', reason: null })
const row = async (pool: Pool): Promise<Record<string, unknown>> => (await pool.query<Record<string, unknown>>('select * from dispatch.work where portal = \'acme\' and deal_id = \'1\'')).rows[0] ?? {}

async function first (pool: Pool, epoch = 1): Promise<Claim> {
  const [claimed] = await claim(pool, epoch)
  assert.ok(claimed)
  return claimed
}

test('the work table keeps the rules of the transfer', async (t) => {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger: createLogger('test', 'error') })
  try {
    await migrate(pool, MIGRATIONS)
    await setEpoch(pool, 1)
    const clean = async (): Promise<void> => { await pool.query('truncate dispatch.work'); await setEpoch(pool, 1) }

    await t.test('a signal that comes after the claim keeps the deal waiting when the attempt ends', async () => {
      await clean()
      await signal(pool, 5n)
      const claimed = await first(pool)
      await signal(pool, 9n)
      await settleEnds(pool, [end(claimed)])
      assert.deepEqual([(await row(pool))['status'], (await row(pool))['covered_offset']], ['waiting', 5n])
      assert.equal((await first(pool)).coveredOffset, 9n)
    })
    await t.test('planted bug: an end that clears the row whatever came meanwhile loses the signal, and the rule above sees it', async () => {
      await clean()
      await signal(pool, 5n)
      const claimed = await first(pool)
      await signal(pool, 9n)
      await pool.query('update dispatch.work set status = \'idle\' where attempt_id = $1', [claimed.attemptId])
      assert.deepEqual(await claim(pool), [], 'the planted bug was not caught: the deal is still picked')
    })
    await t.test('an intent of a former epoch is refused, and so is a second one of the same attempt', async () => {
      await clean()
      await signal(pool, 1n)
      const claimed = await first(pool)
      await setEpoch(pool, 2)
      assert.equal((await commitIntents(pool, { target: TARGET, epoch: 1, planned: [planned(claimed)] })).size, 0)
      const again = await first(pool, 2)
      assert.equal((await commitIntents(pool, { target: TARGET, epoch: 2, planned: [planned(again)] })).size, 1)
      assert.equal((await commitIntents(pool, { target: TARGET, epoch: 2, planned: [planned(again)] })).size, 0)
    })
    await t.test('an intent voids the written hash and raises the highest attempted version; only a success sets the hash', async () => {
      await clean()
      await signal(pool, 1n)
      await settleEnds(pool, [end(await first(pool))])
      assert.equal((await row(pool))['written_hash'], 'fh')
      await signal(pool, 2n)
      const claimed = await first(pool)
      await commitIntents(pool, { target: TARGET, epoch: 1, planned: [{ ...planned(claimed), version: { modifiedAt: 9, hash: 'z' } }] })
      assert.deepEqual([(await row(pool))['written_hash'], (await row(pool))['attempted_modified']], [null, 9n])
      await settleAgain(pool, [{ kind: 'again', attemptId: claimed.attemptId, status: 'waiting', delayMs: 0, tries: 1, reason: null }])
      assert.equal((await row(pool))['written_hash'], null)
    })
    await t.test('a deal with an open intent is not claimed, by any epoch, until it is settled', async () => {
      await clean()
      await signal(pool, 1n)
      const claimed = await first(pool)
      await commitIntents(pool, { target: TARGET, epoch: 1, planned: [planned(claimed)] })
      await signal(pool, 2n)
      await setEpoch(pool, 2)
      assert.deepEqual(await claim(pool, 2), [])
      await markUnknown(pool, [claimed.attemptId])
      assert.deepEqual(await claim(pool, 2), [])
      const [open] = await openIntents(pool, TARGET)
      assert.deepEqual(open?.planned.claim, claimed)
      await settleEnds(pool, [end(claimed)])
      assert.equal((await claim(pool, 2)).length, 1)
    })
    await t.test('a claim left by a former owner is taken again; who settles late finds nothing', async () => {
      await clean()
      await signal(pool, 1n)
      const old = await first(pool)
      await setEpoch(pool, 2)
      const fresh = await first(pool, 2)
      assert.ok(fresh.attemptNo > old.attemptNo)
      assert.equal((await settleEnds(pool, [end(old)])).size, 0)
      assert.equal((await settleEnds(pool, [end(fresh)])).size, 1)
    })
    await t.test('a claim that no memory holds is freed', async () => {
      await clean()
      await signal(pool, 1n)
      await first(pool)
      assert.deepEqual(await claim(pool), [])
      assert.equal(await freeOrphans(pool, { target: TARGET, epoch: 1, held: [] }), 1)
      assert.equal((await claim(pool)).length, 1)
    })
    await t.test('a suspect deal is done again and learns no written hash from the attempt under way', async () => {
      await clean()
      await signal(pool, 1n)
      const claimed = await first(pool)
      await markSuspect(pool, { portal: 'acme', dealId: '1' })
      await settleEnds(pool, [end(claimed)])
      assert.deepEqual([(await row(pool))['status'], (await row(pool))['written_hash']], ['waiting', null])
    })
    await t.test('a skip stands for a parked deal alone: not for a change that waits already, nor for one that comes after it', async () => {
      const skip = (offset: bigint): Promise<void> => noteSignals(pool, [{ portal: 'acme', dealId: '1', target: TARGET, lane: 'live', count: 1, lastOffset: offset, firstReceivedAt: 1000, correlationId: 'c', causationId: 'e', wish: { hold: false, skip: true } }])
      const park = async (): Promise<void> => { await settleEnds(pool, [{ ...end(await first(pool)), status: 'parked' }]) }
      const standing = async (): Promise<unknown> => (await first(pool)).standing
      for (const [steps, wanted] of [[[skip], 'skipped'], [[skip, skip], 'skipped'], [[signal, skip], null], [[skip, signal], null]] as const) {
        await clean()
        await signal(pool, 1n)
        await park()
        let offset = 2n
        for (const step of steps) await (step === skip ? skip(offset++) : signal(pool, offset++))
        assert.equal(await standing(), wanted)
      }
      await clean()
      await signal(pool, 1n)
      await park()
      await skip(2n)
      await markSuspect(pool, { portal: 'acme', dealId: '1' })
      assert.equal(await standing(), null, 'a suspect deal is done again, whatever was ordered')
    })
    await t.test('due deals are picked from each source portal in turn', async () => {
      await clean()
      for (let i = 1; i <= 20; i += 1) await signal(pool, BigInt(i), String(i), 'loud')
      await signal(pool, 21n, '1', 'quiet')
      const picked = await claim(pool, 1, 4)
      assert.ok(picked.some(c => c.portal === 'quiet'))
      assert.equal(picked.length, 4)
    })
    await t.test('a better signal lifts a deal that waits or is in hand, a worse one leaves it, and a deal at rest takes that of its signal', async () => {
      const noted = (lane: Lane, offset: bigint): Promise<void> => noteSignals(pool, [{ portal: 'acme', dealId: '1', target: TARGET, lane, count: 1, lastOffset: offset, firstReceivedAt: 1000, correlationId: 'c', causationId: 'e' }])
      const lane = async (): Promise<Lane | undefined> => LANES[(await row(pool))['lane'] as number]
      await clean()
      await noted('backfill', 1n)
      assert.equal(await lane(), 'backfill')
      await noted('repair', 2n)
      await noted('backfill', 3n)
      assert.equal(await lane(), 'repair')
      const claimed = await first(pool)
      assert.equal(claimed.lane, 'repair')
      await noted('live', 4n)
      assert.equal(await lane(), 'live')
      await settleEnds(pool, [end(claimed)])
      await settleEnds(pool, [end(await first(pool))])
      await noted('backfill', 5n)
      assert.equal(await lane(), 'backfill')
    })
    await t.test('a live deal that failed waits with the retries, one of a backfill where it was', async () => {
      for (const [before, after] of [['live', 'retry'], ['repair', 'repair'], ['backfill', 'backfill']] as const) {
        await clean()
        await noteSignals(pool, [{ portal: 'acme', dealId: '1', target: TARGET, lane: before, count: 1, lastOffset: 1n, firstReceivedAt: 1000, correlationId: 'c', causationId: 'e' }])
        const claimed = await first(pool)
        await settleAgain(pool, [{ kind: 'again', attemptId: claimed.attemptId, status: 'deferred', delayMs: 0, tries: 1, reason: null }])
        assert.equal(LANES[(await row(pool))['lane'] as number], after)
      }
    })
    await t.test('with 100,000 open deals of 20 portals a pick of 50 looks at what it counts and picks, not at what waits', async () => {
      await clean()
      await pool.query(`
        insert into dispatch.work (portal, deal_id, target, status, lane, last_offset, signal_count, due_at)
        select 'p' || i % 20, i::text, $1, 'waiting', (i / 20) % 4, i, 1, now() - interval '1 hour' from generate_series(1, 100000) as i`, [TARGET])
      await pool.query('analyze dispatch.work')
      const counted = await rowsRead(pool, COUNT_DUE, [TARGET, 30, []])
      // 80 pairs of lane and portal: one jump and at most 30 counted for each; no lane of 20 such portals is counted on.
      const shares = await countDue(pool, { target: TARGET, most: 30, stopped: [] })
      assert.deepEqual([shares.length, createAhead(new Map()).unsure(shares, 30, [])], [80, []])
      assert.ok(counted <= 80 * 33, `${counted} rows were read to count`)
      const { takes } = shareOut(shares, { deals: 50, quotas: new Map(), credit: NO_CREDIT })
      const claimed = await rowsRead(pool, CLAIM_DUE, [TARGET, 1, takes.map(take => LANES.indexOf(take.lane)), takes.map(take => take.portal), takes.map(take => take.deals)])
      assert.ok(claimed <= 50 * 4, `${claimed} rows were read to claim`)
      await pool.query('drop index dispatch.work_pick')
      const planted = await rowsRead(pool, COUNT_DUE, [TARGET, 30, []])
      assert.ok(planted > 80 * 33, `planted bug: without the index ${planted} rows are read, and it was not caught`)
    })
  } finally {
    await pool.end()
  }
})
