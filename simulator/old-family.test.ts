import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

test('a contact of the old family has capitals, texts and nulls; an add answers an int, update and delete answer true', async (t) => {
  const { ask } = await testPortal(t)
  const added = await ask('crm.contact.add', { fields: { NAME: 'Anna', COMPANY_ID: 7, ORIGIN_VERSION: '3' } })
  assert.equal(added.result, 1)
  assert.equal((await ask('crm.contact.update', { ID: 1, FIELDS: { LAST_NAME: 'Petrova' } })).result, true)
  const got = (await ask('crm.contact.get', { Id: '1' })).result
  assert.deepEqual(only(got, 'ID', 'NAME', 'LAST_NAME', 'COMPANY_ID', 'OPENED', 'BIRTHDATE', 'HAS_PHONE'), { ID: '1', NAME: 'Anna', LAST_NAME: 'Petrova', COMPANY_ID: '7', OPENED: 'Y', BIRTHDATE: null, HAS_PHONE: 'N' })
  assert.ok(Object.values(got as object).every(value => typeof value === 'string' || value === null))
  assert.equal((await ask('crm.contact.delete', { id: 1 })).result, true)
})

test('what is not there is refused with an empty code and "Not found", 400, for deals, contacts and companies', async (t) => {
  const { ask } = await testPortal(t)
  for (const name of ['deal', 'contact', 'company']) {
    for (const [verb, params] of [['get', {}], ['update', { fields: { TITLE: 'x' } }], ['delete', {}]] as const) {
      const said = await ask(`crm.${name}.${verb}`, { id: 9, ...params })
      assert.deepEqual([said.status, said.body], [400, { error: '', error_description: 'Not found' }], `${name}.${verb}`)
    }
    assert.equal((await ask(`crm.${name}.get`, { id: 'x' })).body['error_description'], 'ID is not defined or invalid')
    assert.equal((await ask(`crm.${name}.add`, { fields: 'x' })).body['error_description'], 'Parameter \'fields\' must be array.')
  }
})

test('a company needs a title and a contact a name or a last name, in both families', async (t) => {
  const { ask } = await testPortal(t)
  assert.equal((await ask('crm.company.add', { fields: { COMMENTS: 'x' } })).error, '')
  assert.equal((await ask('crm.contact.add', { fields: { POST: 'x' } })).error, '')
  assert.equal((await ask('crm.item.add', { entityTypeId: 4, fields: { comments: 'x' } })).error, 'CRM_FIELD_ERROR_REQUIRED')
  assert.equal((await ask('crm.item.add', { entityTypeId: 3, fields: { lastName: 'Petrova' } })).status, 200)
  assert.equal((await ask('crm.company.add', { fields: { TITLE: 'Roga' } })).result, 1)
  assert.equal((await ask('crm.company.update', { id: 1, fields: { TITLE: '' } })).error, '')
})

test('a list of the old family is a bare array with total, drops unknown filters and prefixes, and shows what was selected', async (t) => {
  const { portal, ask } = await testPortal(t, { custom_fields: [{ name: 'UF_CRM_A', type: 'string' }] })
  portal.create({ TITLE: 'One', UF_CRM_A: 'x', CONTACT_IDS: [5] })
  portal.create({ TITLE: 'Two' })
  const said = await ask('crm.deal.list', { filter: { TYPO: 1, '!%TITLE': 'One', logic: 'OR', 0: { TITLE: 'Two' } }, order: { ID: 'DESC' }, select: ['TITLE'] })
  assert.deepEqual([said.result, said.body['total']], [[{ ID: '2', TITLE: 'Two' }, { ID: '1', TITLE: 'One' }], 2])
  const [bare] = (await ask('crm.deal.list', { filter: { TITLE: 'One' } })).result as Record<string, unknown>[]
  assert.equal(Object.hasOwn(bare ?? {}, 'UF_CRM_A'), false)
  assert.equal(Object.hasOwn(bare ?? {}, 'CONTACT_IDS'), false)
  assert.deepEqual((await ask('crm.deal.list', { filter: { ID: 1 }, select: ['UF_*'] })).result, [{ ID: '1', UF_CRM_A: 'x' }])
  assert.equal(Object.hasOwn((await ask('crm.deal.get', { id: 1 })).result as object, 'CONTACT_IDS'), false)
})

test('the old family never writes what only the universal one may', async (t) => {
  const { portal, ask } = await testPortal(t, { funnels: [{ id: 0 }, { id: 1 }] })
  const { result } = await ask('crm.deal.add', { fields: { TITLE: 'A', CATEGORY_ID: 1, LEAD_ID: 4, QUOTE_ID: 5 } })
  await ask('crm.deal.update', { id: result, fields: { CATEGORY_ID: 0 } })
  assert.deepEqual(only(portal.deal(1), 'CATEGORY_ID', 'STAGE_ID', 'LEAD_ID', 'QUOTE_ID'), { CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', LEAD_ID: undefined, QUOTE_ID: undefined })
})

test('an update without a change saves nothing, unless the switch says that the old family does', async (t) => {
  let now = Date.parse('2026-09-01T10:00:00Z')
  const dates = async (empty_old_update_saves: boolean): Promise<boolean> => {
    const { portal, ask } = await testPortal(t, { switches: { empty_old_update_saves } }, () => now)
    portal.create({ TITLE: 'A' })
    const before = portal.deal(1)?.['DATE_MODIFY']
    now += 5000
    await ask('crm.deal.update', { id: 1, fields: { TITLE: 'A' } })
    return portal.deal(1)?.['DATE_MODIFY'] !== before
  }
  assert.deepEqual([await dates(false), await dates(true)], [false, true])
})

test('the fields of the old family are named in capitals and say type, read-only, multiple and custom', async (t) => {
  const { ask } = await testPortal(t, { custom_fields: [{ name: 'UF_CRM_E', type: 'enumeration', mandatory: true, title: 'Kind', list: [{ ID: 12, VALUE: 'A' }] }] })
  const fields = (await ask('crm.deal.fields')).result as Record<string, Record<string, unknown>>
  assert.deepEqual(only(fields['CATEGORY_ID'], 'type', 'isReadOnly', 'isImmutable'), { type: 'crm_category', isReadOnly: false, isImmutable: true })
  assert.deepEqual(only(fields['UF_CRM_E'], 'type', 'isRequired', 'isDynamic', 'items', 'formLabel'), { type: 'enumeration', isRequired: true, isDynamic: true, items: [{ ID: '12', VALUE: 'A' }], formLabel: 'Kind' })
  const contact = (await ask('crm.contact.fields')).result as Record<string, Record<string, unknown>>
  assert.deepEqual(only(contact['PHONE'], 'type', 'isMultiple'), { type: 'crm_multifield', isMultiple: true })
})
