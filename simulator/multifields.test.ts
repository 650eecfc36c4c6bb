import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPortal } from './test-portal.ts'

type Phones = { PHONE?: Record<string, string>[], EMAIL?: Record<string, string>[] }
const phone = { VALUE: '+7 900 111-22-33', VALUE_TYPE: 'WORK' }

test('old family: an entry without ID is added, so the same write twice makes two telephones', async (t) => {
  const { ask } = await testPortal(t)
  await ask('crm.contact.add', { fields: { NAME: 'A', PHONE: [phone] } })
  await ask('crm.contact.update', { id: 1, fields: { PHONE: [phone] } })
  const { PHONE } = (await ask('crm.contact.get', { id: 1 })).result as Phones
  assert.deepEqual(PHONE, [{ ID: '1', VALUE_TYPE: 'WORK', VALUE: phone.VALUE, TYPE_ID: 'PHONE' }, { ID: '2', VALUE_TYPE: 'WORK', VALUE: phone.VALUE, TYPE_ID: 'PHONE' }])
})

test('old family: an entry with ID is changed, and {"ID","DELETE":"Y"} deletes it', async (t) => {
  const { ask } = await testPortal(t)
  await ask('crm.company.add', { fields: { TITLE: 'A', PHONE: [phone, phone], EMAIL: [{ VALUE: 'a@b.example', VALUE_TYPE: 'HOME' }] } })
  await ask('crm.company.update', { id: 1, fields: { PHONE: [{ ID: '1', VALUE: '+7 900', VALUE_TYPE: 'MOBILE' }, { ID: 2, DELETE: 'Y' }] } })
  const { PHONE, EMAIL } = (await ask('crm.company.get', { id: 1 })).result as Phones
  assert.deepEqual(PHONE?.map(each => [each['ID'], each['VALUE'], each['VALUE_TYPE']]), [['1', '+7 900', 'MOBILE']])
  assert.equal(EMAIL?.[0]?.['VALUE'], 'a@b.example')
})

test('old family: a list shows telephones only when PHONE is selected by name', async (t) => {
  const { ask } = await testPortal(t)
  await ask('crm.contact.add', { fields: { NAME: 'A', PHONE: [phone] } })
  const has = async (select: string[]): Promise<boolean> => Object.hasOwn(((await ask('crm.contact.list', { select })).result as object[])[0] ?? {}, 'PHONE')
  assert.deepEqual([await has([]), await has(['*']), await has(['ID', 'PHONE'])], [false, false, true])
})

test('new family: fm is a list with id, typeId, valueType and value; an entry without typeId is ignored', async (t) => {
  const { askItem } = await testPortal(t)
  const { fm } = await askItem('crm.item.add', { entityTypeId: 3, fields: { name: 'A', fm: [{ typeId: 'PHONE', valueType: 'WORK', value: '+7 900' }, { valueType: 'WORK', value: '+7 901' }] } })
  assert.deepEqual(fm, [{ id: 1, typeId: 'PHONE', valueType: 'WORK', value: '+7 900' }])
})

test('new family: an update is keyed by the id of a value or by n0; an empty value removes, a foreign key adds', async (t) => {
  const { askItem } = await testPortal(t)
  await askItem('crm.item.add', { entityTypeId: 4, fields: { title: 'A', fm: [{ typeId: 'PHONE', value: '1' }, { typeId: 'PHONE', value: '2' }, { typeId: 'EMAIL', value: 'a@b.example' }] } })
  const { fm } = await askItem('crm.item.update', { entityTypeId: 4, id: 1, fields: { fm: { 1: { typeId: 'PHONE', value: '11' }, 2: { typeId: 'PHONE', value: '' }, n0: { typeId: 'WEB', value: 'b.example' } } } })
  assert.deepEqual((fm as { id: number, value: string }[]).map(each => [each.id, each.value]), [[1, '11'], [3, 'a@b.example'], [4, 'b.example']])
})

test('new family: a list shows fm only with select ["*"], get always', async (t) => {
  const { ask, askItem } = await testPortal(t)
  const made = await askItem('crm.item.add', { entityTypeId: 3, fields: { name: 'A', fm: [{ typeId: 'PHONE', value: '1' }] } })
  const has = async (params: object): Promise<boolean> => Object.hasOwn(((await ask('crm.item.list', { entityTypeId: 3, ...params })).result as { items: object[] }).items[0] ?? {}, 'fm')
  assert.deepEqual([await has({}), await has({ select: ['id', 'fm'] }), await has({ select: ['*'] })], [false, false, true])
  assert.ok(Object.hasOwn(await askItem('crm.item.get', { entityTypeId: 3, id: made['id'] }), 'fm'))
})

test('a bad e-mail is refused with ERROR_CORE in both families, and nothing is saved', async (t) => {
  const { portal, ask } = await testPortal(t)
  assert.equal((await ask('crm.contact.add', { fields: { NAME: 'A', EMAIL: [{ VALUE: 'nobody', VALUE_TYPE: 'WORK' }] } })).error, 'ERROR_CORE')
  assert.equal((await ask('crm.item.add', { entityTypeId: 3, fields: { name: 'A', fm: [{ typeId: 'EMAIL', value: 'a@b' }] } })).error, 'ERROR_CORE')
  assert.equal(portal.store.all(3).size, 0)
})
