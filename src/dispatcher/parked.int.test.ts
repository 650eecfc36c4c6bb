import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openDispatcher } from '../../test/support/dispatcher-room.ts'
import type { DispatcherRoom, WorkRow } from '../../test/support/dispatcher-room.ts'
import { eventually } from '../../test/support/eventually.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { orderSignal } from '../domain/signal/order.ts'
import type { Order } from '../domain/signal/order.ts'
import type { TransferEvent } from '../domain/transfer/events.ts'
import type { Dispatcher, DispatcherDeps } from './dispatcher.ts'
import { claimDue } from './sql/claim.ts'

const said = (events: readonly TransferEvent[]): string[] => events.map(event => event.type === 'TransferSucceeded' ? event.action : event.reason)
const titles = (room: DispatcherRoom): unknown[] => room.main.deals().map(deal => deal['TITLE'])
const give = (room: DispatcherRoom, order: Order, dealId: number): Promise<unknown> =>
  room.log.append(orderSignal(order, { portal: 'acme', dealId: String(dealId) }, { eventId: randomUUID(), correlationId: randomUUID(), payloadHash: '', at: 1_764_000_000_000 }))

/** The deal's row once this many signals have their end: a deal that was parked before is at rest until the next one is taken. */
const ended = (room: DispatcherRoom, dealId: number, signals: number): Promise<WorkRow> => eventually(async () => {
  const row = await room.work(dealId)
  return row['covered_count'] === signals && row
}, { deadlineMs: 15_000 })

type Own = Partial<DispatcherDeps>
interface Place { readonly room: DispatcherRoom, readonly dealId: number, readonly running: Dispatcher, readonly start: (unmapped: 'park' | 'keep') => Promise<Dispatcher> }

/** A deal that is parked, since the mapping knows none of its stages; started with `keep`, the mapping takes them all. */
async function parkOne (t: TestContext, ownOf: (room: DispatcherRoom) => Own = () => ({})): Promise<Place> {
  const room = await openDispatcher(t)
  const own = ownOf(room)
  const start: Place['start'] = (unmapped) => {
    const route = room.route()
    return room.dispatcher({ routes: new Map([['acme', { to: 'main', prepared: { ...route, mapping: { ...route.mapping, unmapped_stage: unmapped } } }]]), ...own })
  }
  const dealId = room.acme.create({ TITLE: 'as it was' })
  const running = await start('park')
  await room.signal(dealId)
  assert.equal((await ended(room, dealId, 1))['status'], 'parked')
  return { room, dealId, running, start }
}

/** The mapping is corrected, the deal changes without a word to us, and the operator releases it. Gives what stands in the target. */
async function releaseChanged (t: TestContext, own?: (room: DispatcherRoom) => Own): Promise<unknown[]> {
  const { room, dealId, running, start } = await parkOne(t, own)
  await running.stop()
  room.acme.update(dealId, { TITLE: 'as it is' })
  await start('keep')
  await give(room, 'release', dealId)
  assert.equal((await ended(room, dealId, 2))['status'], 'idle')
  assert.deepEqual(said(await room.told(dealId)), ['stage_unmapped', 'created'])
  return titles(room)
}

test('a released deal lands once, in the state it has then, whatever it was parked with', async (t) => {
  assert.deepEqual(await releaseChanged(t), ['as it is'])
})

test('planted bug: a release that sends the deal as it was parked does not pass unseen', async (t) => {
  const remembering = (client: PortalClient): PortalClient => {
    let first: ReturnType<PortalClient['batch']> | undefined
    return { ...client, batch: (commands, options) => first ??= client.batch(commands, options) }
  }
  const standing = await releaseChanged(t, room => ({ clients: new Map([...room.clients()].map(([name, client]) => [name, name === 'acme' ? remembering(client) : client])) }))
  assert.deepEqual(standing, ['as it was'])
})

/** A parked deal is held; it changes, and its mapping is corrected. Gives what stands in the target. */
async function holdChanged (t: TestContext, own?: (room: DispatcherRoom) => Own): Promise<Place & { readonly standing: unknown[], readonly asked: number }> {
  const place = await parkOne(t, own)
  const { room, dealId, running, start } = place
  await give(room, 'hold', dealId)
  await ended(room, dealId, 2)
  await running.stop()
  await start('keep')
  const before = room.acme.stats().requests
  room.acme.update(dealId, { TITLE: 'changed meanwhile' })
  await room.signal(dealId)
  await ended(room, dealId, 3)
  return { ...place, standing: titles(room), asked: room.acme.stats().requests - before }
}

test('a held deal is not even read at its next change, also after a restart, until it is released', async (t) => {
  const { room, dealId, standing, asked } = await holdChanged(t)
  assert.deepEqual([standing, asked, said(await room.told(dealId))], [[], 0, ['stage_unmapped', 'operator_hold', 'operator_hold']])
  await give(room, 'release', dealId)
  assert.equal((await ended(room, dealId, 4))['status'], 'idle')
  assert.deepEqual(titles(room), ['changed meanwhile'])
})

test('planted bug: a scheduler that does not ask for a hold does not pass unseen', async (t) => {
  const { standing } = await holdChanged(t, () => ({ parts: { claimDue: async (...wanted) => (await claimDue(...wanted)).map(claim => ({ ...claim, standing: null })) } }))
  assert.deepEqual(standing, ['changed meanwhile'])
})

test('a skipped deal has its end without being read, and its next change is transferred', async (t) => {
  const { room, dealId, running, start } = await parkOne(t)
  const before = room.acme.stats().requests
  await give(room, 'skip', dealId)
  assert.equal((await ended(room, dealId, 2))['status'], 'idle')
  assert.deepEqual([room.acme.stats().requests - before, said(await room.told(dealId))], [0, ['stage_unmapped', 'operator_skip']])
  await running.stop()
  await start('keep')
  await room.signal(dealId)
  await ended(room, dealId, 3)
  assert.deepEqual(titles(room), ['as it was'])
})

test('a skip does not swallow a change that nobody has read yet', async (t) => {
  const { room, dealId, running, start } = await parkOne(t)
  await running.stop()
  await room.signal(dealId)
  await give(room, 'skip', dealId)
  await start('keep')
  await ended(room, dealId, 3)
  assert.deepEqual(titles(room), ['as it was'])
})
