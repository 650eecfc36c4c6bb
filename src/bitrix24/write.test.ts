import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batch, call, refusal, testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { commandText } from './batch.ts'
import { snapshotOf } from './fields.ts'
import { getCommand, lookUpCommand, readItem, readLookUp } from './read.ts'
import { asUpdate, mustTravelAlone, sentFields, writeCommand, writeMethod } from './write.ts'
import type { Write } from './write.ts'

const ORIGIN = 'acme:7'
const fields = { TITLE: 'A & B = 100% [x]', STAGE_ID: 'NEW', SOURCE_DESCRIPTION: 'words' }
const create = { kind: 'create', fields, createdOnly: { UF_CRM_ONCE: 'now' }, originId: ORIGIN } as const
const config = { custom_fields: [{ name: 'UF_CRM_ONCE', type: 'string' }, { name: 'UF_CRM_DAY', type: 'date' }, { name: 'UF_CRM_AT', type: 'datetime' }, { name: 'UF_CRM_MANY', type: 'string', multiple: true }] } as const

/** Sends a write alone, as JSON, or as the one command of a batch; gives its result. */
async function send (at: TestPortal, write: Write, way: 'alone' | 'batch' = 'alone'): Promise<unknown> {
  const command = writeCommand(write)
  assert.equal(command.method, writeMethod(write))
  if (way === 'batch') return (await batch(at, { w: commandText(command) }))['result']
  const { body } = await call(at, command.method, command.params)
  return body['result']
}

test('what is created carries the ORIGIN pair and what is written once, and is found by the pair and by its id', async (t) => {
  const at = await testPortal(t, { custom_fields: [...config.custom_fields] })
  const made = readItem(await send(at, create))
  assert.deepEqual(['ORIGINATOR_ID', 'ORIGIN_ID', 'TITLE', 'UF_CRM_ONCE'].map(name => made?.deal[name]), ['dealbridge', ORIGIN, fields.TITLE, 'now'])
  at.create({ TITLE: 'of another system', ORIGINATOR_ID: 'shop', ORIGIN_ID: ORIGIN })
  at.create({ TITLE: 'a second of ours', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: ORIGIN })
  const found = await batch(at, { look: commandText(lookUpCommand([ORIGIN, 'acme:8'])), get: commandText(getCommand(made?.id ?? '')) })
  const { look, get } = found['result'] as { look: unknown, get: unknown }
  assert.deepEqual([...readLookUp(look) ?? []].map(([origin, { id }]) => [origin, id]), [[ORIGIN, made?.id]], 'the oldest of ours')
  assert.equal(readItem(get)?.id, made?.id)
})

test('an update says the pair again, clears what is sent empty and keeps a text that looks like a reference when it travels alone', async (t) => {
  const at = await testPortal(t, { custom_fields: [...config.custom_fields] })
  const { id = '' } = readItem(await send(at, create)) ?? {}
  at.update(Number(id), { ORIGIN_ID: 'overwritten', UF_CRM_MANY: ['a', 'b'] })
  const update = { kind: 'update', link: id, fields: { SOURCE_DESCRIPTION: '', UF_CRM_ONCE: '$result[x]', UF_CRM_MANY: [] }, originId: ORIGIN } as const
  assert.equal(mustTravelAlone(update), true)
  await send(at, update)
  const stands = at.deal(Number(id))
  assert.deepEqual(['SOURCE_DESCRIPTION', 'UF_CRM_ONCE', 'UF_CRM_MANY', 'ORIGIN_ID'].map(name => stands?.[name]), ['', '$result[x]', [], ORIGIN])
})

test('alone or in a batch, a write leaves the same deal', async (t) => {
  const at = await testPortal(t, { custom_fields: [...config.custom_fields] })
  const odd = { kind: 'create', fields: { ...fields, OPPORTUNITY: '10.5', IS_MANUAL_OPPORTUNITY: 'Y', COMMENTS: 'a\nb', UF_CRM_MANY: ['x', 'y & z'], PROBABILITY: '' }, createdOnly: {}, originId: ORIGIN } as const
  await send(at, odd)
  await send(at, odd, 'batch')
  const [one, two] = at.deals().map(deal => ({ ...deal, ID: 0 }))
  assert.deepEqual(one, two)
})

test('a delete names only the deal, and one that is gone is told as such', async (t) => {
  const at = await testPortal(t)
  const { id = '' } = readItem(await send(at, { ...create, createdOnly: {} })) ?? {}
  await send(at, { kind: 'delete', link: id })
  assert.equal(at.deals().length, 0)
  const { method, params } = writeCommand({ kind: 'delete', link: id })
  assert.deepEqual(refusal(await call(at, method, params)), [400, 'NOT_FOUND'])
})

test('a date of the source is the same day in the target, standard or custom, in every zone of either', async (t) => {
  for (const zone of ['+03:00', '-05:00', '+14:00', '-11:00']) {
    const [source, target] = [await testPortal(t, { zone, custom_fields: [...config.custom_fields] }), await testPortal(t, { custom_fields: [...config.custom_fields] })]
    const at = '2026-08-30T00:00:00+00:00'
    const id = source.create({ TITLE: 'A', BEGINDATE: '2026-08-30', UF_CRM_DAY: '2026-08-30', UF_CRM_AT: at })
    const { body } = await call(source, getCommand(String(id)).method, getCommand(String(id)).params)
    const read = snapshotOf((body['result'] as { item: Record<string, unknown> }).item)
    const copied = Object.fromEntries(['BEGINDATE', 'UF_CRM_DAY', 'UF_CRM_AT'].map(name => [name, read[name] ?? '']))
    await send(target, { kind: 'create', fields: copied, createdOnly: {}, originId: ORIGIN })
    const [stands] = target.deals()
    assert.deepEqual(['BEGINDATE', 'UF_CRM_DAY', 'UF_CRM_AT'].map(name => stands?.[name]), ['2026-08-30', '2026-08-30', Date.parse(at)], zone)
  }
})

test('a create sends what is written once, the update that takes its place does not, and neither does a delete send fields', () => {
  assert.deepEqual(sentFields(create), { ...fields, UF_CRM_ONCE: 'now' })
  assert.deepEqual(asUpdate(create, '5'), { kind: 'update', link: '5', fields, originId: ORIGIN })
  assert.deepEqual(sentFields({ kind: 'delete', link: '5' }), {})
  assert.deepEqual([create, { ...create, createdOnly: { X: 'see $result[a]' } }, { kind: 'delete', link: '$result[a]' } as const].map(mustTravelAlone), [false, true, false])
})
