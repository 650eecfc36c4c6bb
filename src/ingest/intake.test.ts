import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formCall, jsonCall, openIngest } from '../../test/support/ingest-room.ts'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { createIntake } from './intake.ts'
import type { Hint } from './translate.ts'

const hint = (more: Partial<Hint> = {}): Hint => ({ kind: 'updated', event: 'ONCRMDEALUPDATE', dealId: '7', ts: '1', payload: '{}', ...more })

test('a portal without a route is skipped before anything is asked or written', async () => {
  const never = (): never => assert.fail('was asked')
  const intake = createIntake({ accept: never, dedup: { look: never, lookRobot: never }, hasRoute: () => false })
  const taken = await intake({ portal: 'gamma', channel: 'webhook', hint: hint(), receivedAt: 1 })
  assert.deepEqual([taken.status, 'offset' in taken && taken.offset], ['skipped', null])
})

test('a deal event of a portal without a route, and of the target, is answered skipped and appends nothing', async (t) => {
  const { app, events } = openIngest(t)
  const answers = await Promise.all([formCall({ 'auth[domain]': 'gamma.bitrix24.ru' }, '/webhook/bitrix24/secret-gamma'), jsonCall({ auth: { domain: 'main.bitrix24.ru' } }), formCall({ event: 'ONCRMLEADADD' })].map(call => app.inject(call)))
  assert.deepEqual(answers.map(a => a.json<{ status: string }>().status), ['skipped', 'skipped', 'skipped'])
  assert.equal(events.length, 0)
})

test('no two webhooks that differ in portal, event, deal or ts have one hash', async () => {
  const hashes: string[] = []
  const accept = (event: DealChangeSignalled) => { hashes.push(event.payloadHash); return Promise.resolve({ status: 'kept', offset: 1n } as const) }
  const first = () => Promise.resolve({ status: 'first', settle () {} } as const)
  const intake = createIntake({ accept, dedup: { look: first, lookRobot: first }, hasRoute: () => true })
  const all: [string, Partial<Hint>][] = [['acme', {}], ['beta', {}], ['acme', { event: 'ONCRMDEALADD' }], ['acme', { dealId: '71' }], ['acme', { ts: '11' }], ['acme', { ts: '2' }], ['acme', { ts: '' }], ['acme', { ts: '1\n1' }], ['acme', { dealId: '1', ts: '7\n1' }]]
  for (const [portal, more] of all) await intake({ portal, channel: 'webhook', hint: hint(more), receivedAt: 1 })
  assert.equal(new Set(hashes).size, all.length)
  await intake({ portal: 'acme', channel: 'webhook', hint: hint({ kind: 'added', payload: '{"other":1}' }), receivedAt: 9 })
  assert.equal(hashes.at(-1), hashes[0])
})

test('the signal says what came, by which door, and when', async (t) => {
  const { app, events } = openIngest(t)
  await app.inject(formCall({ event: 'oncrmdealadd', 'auth[member_id]': 'm1' }))
  await app.inject(formCall({ event: '', 'data[FIELDS][ID]': '', 'document_id[2]': 'DEAL_8' }, '/webhook/bitrix24/secret-acme/robot'))
  await app.inject({ ...jsonCall(JSON.stringify({ portal: 'acme', deal_id: '9' })), url: '/v1/transfers' })
  const brief = events.map(e => e.type === 'DealChangeSignalled' ? `${e.portal} ${e.dealId} ${e.kind} ${e.channel} ${e.repeat} ${e.occurredAt === e.receivedAt}` : e.type)
  assert.deepEqual(brief, ['acme 7 added webhook false true', 'acme 8 unknown robot false true', 'acme 9 unknown api false true'])
  assert.equal(new Set(events.flatMap(e => [e.eventId, e.correlationId])).size, 6)
})

test('a wish by the API is appended each time', async (t) => {
  const { app, events } = openIngest(t)
  const call = { ...jsonCall(JSON.stringify({ items: [{ portal: 'acme', deal_id: 9 }, { portal: 'acme', deal_id: 9 }, { portal: 'x', deal_id: 9 }, 7] })), url: '/v1/transfers/batch' }
  const statuses = (await app.inject(call)).json<{ items: { status: string }[] }>().items.map(item => item.status)
  assert.deepEqual(statuses, ['accepted', 'accepted', 'invalid', 'invalid'])
  assert.equal(events.length, 2)
})
