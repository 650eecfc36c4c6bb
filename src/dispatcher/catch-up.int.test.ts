import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDispatcher } from '../../test/support/dispatcher-room.ts'
import type { DispatcherRoom } from '../../test/support/dispatcher-room.ts'
import { readersView } from '../../test/model/properties.ts'
import { eventually } from '../../test/support/eventually.ts'
import type { EventLog } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { recover } from './recovery.ts'

const writes = (room: DispatcherRoom): number => room.main.journal().filter(entry => entry.kind === 'applied').length
const rows = async (room: DispatcherRoom): Promise<unknown[]> => (await room.pool.query<Record<string, unknown>>('select deal_id, status, link, last_offset, signal_count, covered_offset, covered_count, ended_hash from dispatch.work order by deal_id')).rows
const epochOf = async (room: DispatcherRoom): Promise<number> => Number((await room.pool.query<{ epoch: bigint }>('select epoch from dispatch.lease where target = \'main\'')).rows[0]?.epoch)

/** Five deals land, one twice; then nothing runs. */
async function fiveDeals (t: TestContext): Promise<{ room: DispatcherRoom, ids: number[] }> {
  const room = await openDispatcher(t)
  const ids = [1, 2, 3, 4, 5].map(i => room.acme.create({ TITLE: `deal ${i}` }))
  for (const id of ids) await room.signal(id)
  const dispatcher = await room.dispatcher()
  for (const id of ids) await room.atRest(id)
  await change(room, ids[0] ?? 0, 'again')
  await dispatcher.stop()
  return { room, ids }
}

async function change (room: DispatcherRoom, id: number, TITLE: string): Promise<void> {
  room.acme.update(id, { TITLE })
  await room.signal(id)
  await eventually(() => room.main.deals().some(deal => deal['TITLE'] === TITLE), { deadlineMs: 15_000 })
  await room.atRest(id)
}

/** Every signal of every deal has its end for those who read the log. */
async function endsForReaders (room: DispatcherRoom, ids: readonly number[]): Promise<boolean> {
  for (const id of ids) if (readersView(await room.told(id)).ended !== (await room.work(id))['signal_count']) return false
  return true
}

test('when the dispatcher\'s tables are lost they come back out of the log: nothing is written again, and readers count on', async (t) => {
  const { room, ids } = await fiveDeals(t)
  const [before, written] = [await rows(room), writes(room)]
  await room.pool.query('truncate dispatch.work, dispatch.lease, dispatch.checkpoint, dispatch.record')
  await room.dispatcher()
  await eventually(async () => JSON.stringify(await rows(room), bigints) === JSON.stringify(before, bigints), { deadlineMs: 20_000 })
  assert.equal(writes(room), written)
  await change(room, ids[1] ?? 0, 'after the loss')
  assert.deepEqual(room.main.deals().map(deal => deal['TITLE']).toSorted(), ['after the loss', 'again', 'deal 3', 'deal 4', 'deal 5'])
  assert.equal(await endsForReaders(room, ids), true)
})

/** The database of before the last changes comes back while the log knows more. */
async function restore (t: TestContext, log: (of: EventLog) => EventLog): Promise<{ room: DispatcherRoom, ids: number[], epochBefore: number }> {
  const { room, ids } = await fiveDeals(t)
  await room.pool.query('create table backup_work as table dispatch.work; create table backup_checkpoint as table dispatch.checkpoint')
  for (let n = 0; n < 3; n += 1) await room.stealLease()
  const dispatcher = await room.dispatcher()
  const fresh = room.acme.create({ TITLE: 'made after the backup' })
  await room.signal(fresh)
  await room.atRest(fresh)
  for (let n = 0; n < 3; n += 1) await change(room, ids[0] ?? 0, `change ${n}`)
  await dispatcher.stop()
  // Of the log, which is what readers know: a lease under which nothing was told need not be outgrown.
  const epochBefore = Math.max(...(await Promise.all([...ids, fresh].map(id => room.told(id)))).flat().map(({ epoch }) => epoch))
  await room.pool.query(`
    truncate dispatch.work, dispatch.checkpoint, dispatch.lease;
    insert into dispatch.work select * from backup_work; insert into dispatch.checkpoint select * from backup_checkpoint;
    insert into dispatch.lease values ('main', 1, 'restored', now() - interval '1 second')`)
  await room.dispatcher({ log: log(room.log) })
  return { room, ids: [...ids, fresh], epochBefore }
}

test('a database restored from a backup gets an epoch above the log\'s and knows what was made since', async (t) => {
  const { room, ids, epochBefore } = await restore(t, log => log)
  for (const id of ids) await room.atRest(id, { deadlineMs: 20_000 })
  await change(room, ids[0] ?? 0, 'after the restore')
  assert.ok(await epochOf(room) > epochBefore)
  assert.equal(new Set(room.main.deals().map(deal => deal['ORIGIN_ID'])).size, room.main.deals().length)
  assert.equal(await endsForReaders(room, ids), true)
})

test('an epoch of another target that was taken over after us takes no lease away, unless no lease knows of it', async (t) => {
  const { room, ids } = await fiveDeals(t)
  const [event] = await room.told(ids[1] ?? 0)
  assert.ok(event)
  await room.log.append({ ...event, eventId: 'other', target: 'other', epoch: 101 })
  await room.pool.query('update dispatch.lease set epoch = 100 where target = \'main\'')
  const recovered = (): Promise<unknown> => recover({ log: room.log, pool: room.pool, logger: createLogger('test', 'error'), waitMs: 0 }, { target: 'main', epoch: 100 })
  await assert.rejects(recovered(), { code: 'epoch_seen' })
  await room.pool.query('insert into dispatch.lease values (\'other\', 101, \'another\', now())')
  await room.pool.query('update dispatch.lease set epoch = 100 where target = \'main\'')
  assert.deepEqual(await recovered(), [])
})

test('planted bug: a log that is not read after a restore leaves signals without an end for its readers', async (t) => {
  const { room, ids } = await restore(t, log => ({ ...log, read: (topic, from, onBatch) => topic === 'deal-transfers' ? Promise.resolve() : log.read(topic, from, onBatch) }))
  for (const id of ids) await room.atRest(id, { deadlineMs: 20_000 })
  await change(room, ids[0] ?? 0, 'after the restore')
  assert.equal(await endsForReaders(room, ids), false, 'the planted bug was not caught')
})

function bigints (_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
