import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

const phone = (VALUE: string): object => ({ PHONE: [{ VALUE, VALUE_TYPE: 'WORK' }] })

test('findbycomm gives the ids by kind of record, compares telephones by their digits, and answers [] without a hit', async (t) => {
  const { ask } = await testPortal(t)
  await ask('crm.contact.add', { fields: { NAME: 'A', ...phone('8 (900) 111-22-33') } })
  await ask('crm.company.add', { fields: { TITLE: 'B', ...phone('+79001112233') } })
  const find = async (params: object): Promise<unknown> => (await ask('crm.duplicate.findbycomm', params)).result
  assert.deepEqual(await find({ type: 'PHONE', values: ['+7 900 111 22 33'] }), { CONTACT: [1], COMPANY: [1] })
  assert.deepEqual(await find({ type: 'PHONE', values: ['+79001112233'], entity_type: 'COMPANY' }), { COMPANY: [1] })
  assert.deepEqual(await find({ type: 'EMAIL', values: ['+79001112233'] }), [])
})

test('findbycomm looks for twenty values, and from twenty hits of one kind the later kinds are left out', async (t) => {
  const { ask } = await testPortal(t)
  for (let i = 0; i < 22; i += 1) await ask('crm.contact.add', { fields: { NAME: 'A', ...phone('5') } })
  await ask('crm.company.add', { fields: { TITLE: 'B', ...phone('5') } })
  await ask('crm.company.add', { fields: { TITLE: 'C', ...phone('77') } })
  const find = async (values: string[]): Promise<Record<string, number[]>> => (await ask('crm.duplicate.findbycomm', { type: 'PHONE', values })).result as Record<string, number[]>
  const hits = await find(['5'])
  assert.deepEqual([Object.keys(hits), hits['CONTACT']?.length], [['CONTACT'], 20])
  const many = Array.from({ length: 20 }, (_, i) => String(1000 + i))
  assert.deepEqual(await find([...many.slice(1), '77']), { COMPANY: [2] })
  assert.deepEqual(await find([...many, '77']), [])
})

test('a merge keeps the first deal, fills what was empty in it and deletes the others', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A', CONTACT_IDS: [5] })
  portal.create({ TITLE: 'B', COMPANY_ID: 9, CONTACT_IDS: [6], SOURCE_ID: 'WEB' })
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 2, productRows: [{ price: 3 }] })
  assert.deepEqual((await ask('crm.entity.mergeBatch', { params: { entityTypeId: 2, entityIds: [1, 2] } })).result, { STATUS: 'SUCCESS', ENTITY_IDS: [2] })
  assert.equal(portal.deal(2), undefined)
  assert.deepEqual(only(portal.deal(1), 'TITLE', 'COMPANY_ID', 'CONTACT_ID', 'CONTACT_IDS', 'SOURCE_ID', 'OPPORTUNITY'), { TITLE: 'A', COMPANY_ID: 9, CONTACT_ID: 5, CONTACT_IDS: [5, 6], SOURCE_ID: 'WEB', OPPORTUNITY: 3 })
  assert.deepEqual((await ask('crm.entity.mergeBatch', { params: { entityTypeId: 2, entityIds: [1, 2] } })).result, { STATUS: 'ERROR', ENTITY_IDS: [] })
})

test('a merge of contacts carries their telephones over', async (t) => {
  const { ask } = await testPortal(t)
  await ask('crm.contact.add', { fields: { NAME: 'A', ...phone('1') } })
  await ask('crm.contact.add', { fields: { LAST_NAME: 'B', ...phone('2') } })
  await ask('crm.entity.mergeBatch', { params: { entityTypeId: 3, entityIds: [1, 2] } })
  const got = (await ask('crm.contact.get', { id: 1 })).result as { LAST_NAME: string, PHONE: { VALUE: string }[] }
  assert.deepEqual([got.LAST_NAME, got.PHONE.map(each => each.VALUE)], ['B', ['1', '2']])
})

test('a merge sends its events, or none by switch', async (t) => {
  const events = async (merge_fires_events: boolean): Promise<(string | undefined)[]> => {
    const { portal, ask } = await testPortal(t, { switches: { merge_fires_events }, webhooks: [{ url: 'http://127.0.0.1:9/', kind: 'ui' }] })
    portal.create({ TITLE: 'A' })
    portal.create({ TITLE: 'B', COMPANY_ID: 9 })
    await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 2, productRows: [{ price: 3 }] })
    await ask('crm.entity.mergeBatch', { params: { entityTypeId: 2, entityIds: [1, 2] } })
    await portal.idle()
    return portal.journal().filter(entry => entry.kind === 'webhook_failed').slice(3).map(entry => entry.event)
  }
  assert.deepEqual([await events(true), await events(false)], [['ONCRMDEALUPDATE', 'ONCRMDEALUPDATE', 'ONCRMDEALDELETE'], []])
})
