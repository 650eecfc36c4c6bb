import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { APP, call, testPortal, tokens } from './testing.ts'
import type { Reply, TestPortal } from './testing.ts'

interface Read { process_id: string | null, events: { ID: string, EVENT_NAME: string, EVENT_DATA: { FIELDS: { ID: string } }, EVENT_ADDITIONAL: unknown, MESSAGE_ID: string, TIMESTAMP_X: string }[] }

async function bound (t: TestContext, more: object = {}): Promise<{ at: TestPortal, ask: (method: string, params?: object) => Promise<Reply>, get: (params?: object) => Promise<Read> }> {
  const at = await testPortal(t, { apps: [APP] })
  const access = String((await tokens(at))['access_token'])
  const ask = (method: string, params: object = {}): Promise<Reply> => call(at, method, params, access)
  for (const event of ['ONCRMDEALADD', 'ONCRMDEALUPDATE']) assert.equal((await ask('event.bind', { event, event_type: 'offline', ...more })).body['result'], true)
  return { at, ask, get: async params => (await ask('event.offline.get', params)).body['result'] as Read }
}

test('the offline queue keeps the latest change of a deal, and reading deletes by default', async (t) => {
  const { at, get } = await bound(t)
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  at.update(id, { TITLE: 'C' })
  const { process_id, events } = await get()
  assert.equal(process_id, null)
  assert.deepEqual(events.map(event => [event.EVENT_NAME, event.EVENT_DATA.FIELDS.ID]), [['ONCRMDEALADD', String(id)], ['ONCRMDEALUPDATE', String(id)]])
  assert.equal(events[0]?.TIMESTAMP_X, '2026-03-01T15:00:00+03:00')
  assert.deepEqual(events[0].EVENT_ADDITIONAL, { user_id: '1' })
  assert.match(events[0].MESSAGE_ID, /^[0-9a-f]{32}$/)
  assert.deepEqual(await get(), { process_id: null, events: [] })
})

test('with clear=0 a read reserves: parallel reads are disjoint, and what is cleared by message is gone', async (t) => {
  const { at, ask, get } = await bound(t)
  for (let i = 0; i < 3; i += 1) at.create({ TITLE: `A${i}` })
  const first = await get({ clear: 0, limit: 2 })
  const second = await get({ clear: 0 })
  assert.deepEqual([first.events.length, second.events.length], [2, 1])
  assert.notEqual(first.process_id, second.process_id)
  await ask('event.offline.clear', { process_id: first.process_id, message_id: [first.events[0]?.MESSAGE_ID] })
  const again = await get({ clear: 0, process_id: first.process_id })
  assert.deepEqual(again.events.map(event => event.ID), [first.events[1]?.ID])
  assert.equal((await ask('event.offline.list')).body['total'], 2)
})

test('a change during the work on a record makes a new record', async (t) => {
  const { at, get } = await bound(t)
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  const reserved = await get({ clear: 0 })
  at.update(id, { TITLE: 'C' })
  assert.deepEqual((await get()).events.map(event => event.EVENT_NAME), ['ONCRMDEALUPDATE'])
  assert.deepEqual(await get({ clear: 0, process_id: reserved.process_id }), reserved)
})

test('a failed record is read only by who asks for errors', async (t) => {
  const { at, ask, get } = await bound(t)
  at.create({ TITLE: 'A' })
  const { process_id, events } = await get({ clear: 0 })
  await ask('event.offline.error', { process_id, message_id: [events[0]?.MESSAGE_ID] })
  assert.deepEqual((await get()).events, [])
  assert.deepEqual((await get({ error: 1 })).events.map(event => event.ID), [events[0]?.ID])
})

test('own writes are hidden when app and connector match, and shown otherwise; a robot has no user', async (t) => {
  const { at, ask } = await bound(t, { auth_connector: 'bridge' })
  const read = async (): Promise<Read> => (await ask('event.offline.get', { auth_connector: 'bridge' })).body['result'] as Read
  await ask('crm.item.add', { entityTypeId: 2, fields: { title: 'own' }, auth_connector: 'bridge' })
  assert.deepEqual((await read()).events, [])
  await ask('crm.item.add', { entityTypeId: 2, fields: { title: 'other connector' } })
  await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'webhook' }, auth_connector: 'bridge' })
  assert.deepEqual((await read()).events.map(event => event.EVENT_DATA.FIELDS.ID), ['2', '3'])
  at.robot(1, { TITLE: 'by a robot' })
  assert.equal((await read()).events[0]?.EVENT_ADDITIONAL, false)
})

test('clear and error need the process, and messages must look like messages', async (t) => {
  const { ask } = await bound(t)
  assert.equal((await ask('event.offline.clear')).body['error'], 'ERROR_ARGUMENT')
  assert.equal((await ask('event.offline.error', { process_id: 'x', message_id: ['short'] })).body['error'], 'ERROR_ARGUMENT')
})
