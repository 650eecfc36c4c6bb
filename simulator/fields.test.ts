import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustomFieldConfig } from './config.ts'
import { customCamel } from './field-table.ts'
import { only, testPortal } from './test-portal.ts'

const field = (name: string, type: CustomFieldConfig['type'], more: Partial<CustomFieldConfig> = {}): CustomFieldConfig => ({ name: `UF_CRM_${name}`, type, ...more })

test('custom names turn into camelCase by the documented odd rule', () => {
  const names = { UF_CRM_1721244707107: 'ufCrm_1721244707107', UF_CRM_10_5186744711: 'ufCrm10_5186744711', UF_CRM_3_DIGIT: 'ufCrm3Digit', UF_CRM_3_DIGIT10: 'ufCrm_3_DIGIT10' }
  assert.deepEqual(Object.keys(names).map(customCamel), Object.values(names))
})

test('custom fields keep their names only with useOriginalUfNames, in what is sent and in what is shown', async (t) => {
  const { ask } = await testPortal(t, { custom_fields: [field('3_DIGIT', 'string')] })
  const item = async (method: string, params: object): Promise<Record<string, unknown>> => ((await ask(method, { entityTypeId: 2, ...params })).result as { item: Record<string, unknown> }).item
  const camel = await item('crm.item.add', { fields: { ufCrm3Digit: 'a', UF_CRM_3_DIGIT: 'b' } })
  assert.deepEqual([camel['ufCrm3Digit'], Object.hasOwn(camel, 'UF_CRM_3_DIGIT')], ['a', false])
  const upper = await item('crm.item.update', { id: 1, useOriginalUfNames: 'Y', fields: { ufCrm3Digit: 'c', UF_CRM_3_DIGIT: 'd' } })
  assert.deepEqual([upper['UF_CRM_3_DIGIT'], Object.hasOwn(upper, 'ufCrm3Digit')], ['d', false])
  assert.equal((await ask('crm.item.list', { entityTypeId: 2, filter: { UF_CRM_3_DIGIT: 'd' } })).error, 'INVALID_ARG_VALUE')
  assert.equal((await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', filter: { UF_CRM_3_DIGIT: 'd' } })).body['total'], 1)
  const described = async (flag: string): Promise<Record<string, Record<string, unknown>>> => ((await ask('crm.item.fields', { entityTypeId: 2, useOriginalUfNames: flag })).result as { fields: Record<string, Record<string, unknown>> }).fields
  assert.equal((await described('N'))['ufCrm3Digit']?.['upperName'], 'UF_CRM_3_DIGIT')
  assert.equal((await described('Y'))['UF_CRM_3_DIGIT']?.['isDynamic'], true)
})

test('an enumeration keeps the id of an option and refuses one that is not there', async (t) => {
  const list = [{ ID: 44, VALUE: 'Red' }, { ID: 45, VALUE: 'Blue', XML_ID: 'b' }]
  const { ask, askItem } = await testPortal(t, { custom_fields: [field('E', 'enumeration', { list }), field('M', 'enumeration', { list, multiple: true })] })
  const item = await askItem('crm.item.add', { fields: { UF_CRM_E: '44', UF_CRM_M: [45, '44'] } })
  assert.deepEqual(only(item, 'UF_CRM_E', 'UF_CRM_M'), { UF_CRM_E: 44, UF_CRM_M: [45, 44] })
  for (const [method, error] of [['crm.item.update', 'CRM_FIELD_ERROR_VALUE_NOT_VALID'], ['crm.deal.update', '']]) {
    assert.deepEqual(only(await ask(String(method), { entityTypeId: 2, id: 1, useOriginalUfNames: 'Y', fields: { UF_CRM_E: 'Red' } }), 'status', 'error'), { status: 400, error })
  }
  const old = (await ask('crm.deal.get', { id: 1 })).result
  assert.deepEqual(only(old, 'UF_CRM_E', 'UF_CRM_M'), { UF_CRM_E: '44', UF_CRM_M: ['45', '44'] })
  // The portal says yes to an empty list and keeps the values.
  assert.deepEqual((await askItem('crm.item.update', { id: 1, fields: { UF_CRM_M: [] } }))['UF_CRM_M'], [45, 44])
})

test('options get ids of their own on each portal', async (t) => {
  const { ask } = await testPortal(t, { first_id: 700, custom_fields: [field('E', 'enumeration', { list: [{ VALUE: 'Red' }] })] })
  const [first] = (await ask('crm.deal.userfield.list')).result as { LIST: unknown[] }[]
  assert.deepEqual(first?.LIST, [{ ID: '700', SORT: '10', VALUE: 'Red', DEF: 'N', XML_ID: '' }])
})

test('a date is the instant 00:00 UTC of its day in the zone of the portal, east and west of it', async (t) => {
  const shown = async (zone: string): Promise<unknown[]> => {
    const { ask, askItem } = await testPortal(t, { zone, custom_fields: [field('D', 'date')] })
    const item = await askItem('crm.item.add', { fields: { begindate: '2026-08-30', UF_CRM_D: '2026-08-30' } })
    return [item['begindate'], item['UF_CRM_D'], ((await ask('crm.deal.get', { id: 1 })).result as Record<string, unknown>)['BEGINDATE']]
  }
  assert.deepEqual(await shown('+03:00'), Array(3).fill('2026-08-30T03:00:00+03:00'))
  assert.deepEqual(await shown('-05:00'), Array(3).fill('2026-08-29T19:00:00-05:00'))
})

test('a datetime is an instant, shown with the offset of the portal and without parts of a second', async (t) => {
  const { ask, askItem } = await testPortal(t, { zone: '-05:00', custom_fields: [field('T', 'datetime')] })
  const item = await askItem('crm.item.add', { fields: { UF_CRM_T: '2026-08-30T10:00:00.750+03:00' } })
  assert.equal(item['UF_CRM_T'], '2026-08-30T02:00:00-05:00')
  assert.equal((await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', filter: { '>=UF_CRM_T': '2026-08-30T07:00:00+00:00', '<UF_CRM_T': '2026-08-30T07:00:01Z' } })).body['total'], 1)
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { UF_CRM_T: '' } }))['UF_CRM_T'], null)
})

test('a deal begins today and closes in seven days, as the portal\'s own zone counts days', async (t) => {
  const { askItem } = await testPortal(t, { zone: '+03:00' }, () => Date.parse('2026-08-30T22:30:00Z'))
  assert.deepEqual(only(await askItem('crm.item.add', { fields: {} }), 'begindate', 'closedate', 'title'), { begindate: '2026-08-31T03:00:00+03:00', closedate: '2026-09-07T03:00:00+03:00', title: 'Deal #1' })
})

test('a required custom field is asked for on an add, and on an update only when the stage moves inside the funnel', async (t) => {
  const { portal, ask, askItem } = await testPortal(t, { funnels: [{ id: 0 }, { id: 1 }], custom_fields: [field('R', 'string', { mandatory: true })] })
  assert.deepEqual(only(await ask('crm.item.add', { entityTypeId: 2, useOriginalUfNames: 'Y', fields: { title: 'A', UF_CRM_R: '' } }), 'status', 'error'), { status: 400, error: 'CRM_FIELD_ERROR_REQUIRED' })
  portal.create({ TITLE: 'A' })
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { title: 'B' } }))['title'], 'B')
  assert.equal((await ask('crm.item.update', { entityTypeId: 2, id: 1, fields: { stageId: 'EXECUTING' } })).error, 'CRM_FIELD_ERROR_REQUIRED')
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { categoryId: 1 } }))['categoryId'], 1)
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { stageId: 'C1:EXECUTING', UF_CRM_R: 'x' } }))['stageId'], 'C1:EXECUTING')
})

test('multiple fields are lists, empty [] in the new family and false in the old; a scalar is error 100', async (t) => {
  const { portal, ask, askItem } = await testPortal(t, { custom_fields: [field('S', 'string', { multiple: true })] })
  portal.create({ TITLE: 'A' })
  const old = async (): Promise<unknown> => ((await ask('crm.deal.get', { id: 1 })).result as Record<string, unknown>)['UF_CRM_S']
  assert.deepEqual([(await askItem('crm.item.get', { id: 1 }))['UF_CRM_S'], await old()], [[], false])
  const refused = await ask('crm.item.update', { entityTypeId: 2, id: 1, useOriginalUfNames: 'Y', fields: { UF_CRM_S: 'one' } })
  assert.deepEqual([refused.status, refused.body['error'], refused.body['error_description']], [400, '100', 'Expected iterable value for multiple field, but got `string` instead'])
  assert.deepEqual((await askItem('crm.item.update', { id: 1, fields: { UF_CRM_S: ['a', '', 'b'] } }))['UF_CRM_S'], ['a', 'b'])
  assert.deepEqual(await old(), ['a', 'b'])
})

test('money is sum|currency whatever the currency, and an empty one clears; other texts are refused', async (t) => {
  const { ask, askItem } = await testPortal(t, { custom_fields: [field('M', 'money')] })
  assert.equal((await askItem('crm.item.add', { fields: { UF_CRM_M: '1234.56|XXX' } }))['UF_CRM_M'], '1234.56|XXX')
  assert.equal((await ask('crm.item.update', { entityTypeId: 2, id: 1, useOriginalUfNames: 'Y', fields: { UF_CRM_M: 'much|RUB' } })).error, 'CRM_FIELD_ERROR_VALUE_NOT_VALID')
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { UF_CRM_M: '' } }))['UF_CRM_M'], null)
})

test('a currency must exist on the portal; the old family says so without a code', async (t) => {
  const { portal, ask } = await testPortal(t, { currencies: ['RUB'] })
  assert.equal((await ask('crm.item.add', { entityTypeId: 2, fields: { currencyId: 'USD' } })).error, 'CRM_FIELD_ERROR_VALUE_NOT_VALID')
  assert.deepEqual((await ask('crm.deal.add', { fields: { CURRENCY_ID: 'USD' } })).body, { error: '', error_description: 'Invalid value for the "Currency" field' })
  assert.equal(portal.deals().length, 0)
})

test('numbers are numbers in the new family and texts in the old; a custom boolean is Y or N, or 1 or 0 by switch', async (t) => {
  const custom_fields = [field('I', 'integer'), field('F', 'double'), field('B', 'boolean')]
  const old = async (old_boolean: 'YN' | '10'): Promise<unknown> => {
    const { ask, askItem } = await testPortal(t, { custom_fields, switches: { old_boolean } })
    const item = await askItem('crm.item.add', { fields: { UF_CRM_I: '7', UF_CRM_F: '1.5', UF_CRM_B: 1, opportunity: '1000000' } })
    assert.deepEqual(only(item, 'UF_CRM_I', 'UF_CRM_F', 'UF_CRM_B', 'opportunity'), { UF_CRM_I: 7, UF_CRM_F: 1.5, UF_CRM_B: 'Y', opportunity: 1000000 })
    assert.equal((await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', filter: { UF_CRM_B: 1 } })).body['total'], 1)
    assert.equal((await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', filter: { UF_CRM_B: 'Y' } })).body['total'], 0)
    return only((await ask('crm.deal.get', { id: 1 })).result, 'UF_CRM_I', 'UF_CRM_F', 'UF_CRM_B', 'OPPORTUNITY')
  }
  assert.deepEqual(await old('YN'), { UF_CRM_I: '7', UF_CRM_F: '1.5', UF_CRM_B: 'Y', OPPORTUNITY: '1000000.00' })
  assert.deepEqual(await old('10'), { UF_CRM_I: '7', UF_CRM_F: '1.5', UF_CRM_B: '1', OPPORTUNITY: '1000000.00' })
})

test('an address gets an id of the portal\'s own, whatever id was written', async (t) => {
  const { askItem } = await testPortal(t, { first_id: 575, custom_fields: [field('A', 'address')] })
  assert.equal((await askItem('crm.item.add', { fields: { UF_CRM_A: 'Tverskaya 1|55;37|9' } }))['UF_CRM_A'], 'Tverskaya 1|55;37|575')
  assert.equal((await askItem('crm.item.update', { id: 575, fields: { UF_CRM_A: 'Tverskaya 1' } }))['UF_CRM_A'], 'Tverskaya 1|55;37|575')
  assert.equal((await askItem('crm.item.update', { id: 575, fields: { UF_CRM_A: 'Arbat 2' } }))['UF_CRM_A'], 'Arbat 2|;|576')
})

test('files: unlisted ones of a multiple field are deleted, and the old form given to crm.item.update stores nothing', async (t) => {
  const { ask, askItem } = await testPortal(t, { custom_fields: [field('F', 'file'), field('M', 'file', { multiple: true })] })
  const item = await askItem('crm.item.add', { fields: { UF_CRM_F: ['a.txt', 'YQ=='], UF_CRM_M: [['b', 'Yg=='], ['c', 'Yw==']] } })
  const ids = (value: unknown): number[] => (value as { id: number }[]).map(file => file.id)
  assert.deepEqual(Object.keys(item['UF_CRM_F'] as object), ['id', 'url', 'urlMachine'])
  const [b] = ids(item['UF_CRM_M'])
  const kept = await askItem('crm.item.update', { id: 1, fields: { UF_CRM_F: { fileData: ['z', 'eg=='] }, UF_CRM_M: [{ id: b }, ['d', 'ZA==']] } })
  assert.deepEqual(kept['UF_CRM_F'], item['UF_CRM_F'])
  assert.deepEqual(ids(kept['UF_CRM_M']), [b, 4])
  await ask('crm.deal.update', { id: 1, fields: { UF_CRM_F: { fileData: ['z', 'eg=='] } } })
  assert.deepEqual(Object.keys(((await ask('crm.deal.get', { id: 1 })).result as Record<string, object>)['UF_CRM_F'] ?? {}), ['id', 'showUrl', 'downloadUrl'])
  assert.equal((await askItem('crm.item.get', { id: 1 }) as { UF_CRM_F: { id: number } }).UF_CRM_F.id, 5)
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { UF_CRM_F: '' } }))['UF_CRM_F'], null)
})

test('HTML in comments becomes BB-code', async (t) => {
  const { askItem } = await testPortal(t)
  const item = await askItem('crm.item.add', { fields: { comments: '<p>Сроч<b>но</b> &amp; <a href="https://x.example">тут</a></p><ul><li>1</li></ul><script>x</script>a < b' } })
  assert.equal(item['comments'], 'Сроч[B]но[/B] & [URL=https://x.example]тут[/URL]\n[LIST][*]1[/LIST]xa < b')
})

test('unknown and read-only names are ignored silently, fields that are missing are not', async (t) => {
  const { ask, askItem } = await testPortal(t)
  const item = await askItem('crm.item.add', { fields: { id: 99, createdTime: '2020-01-01T00:00:00+00:00', createdBy: 77, nonsense: 1, TITLE: 'x', title: 'A' } })
  assert.deepEqual([item['id'], item['createdBy'], item['title'], Object.hasOwn(item, 'nonsense'), String(item['createdTime']).startsWith('2020')], [1, 1, 'A', false, false])
  const updated = await askItem('crm.item.update', { id: 1, fields: { id: 99, createdBy: 77, stageSemanticId: 'S', isNew: 'N', title: 'B' } })
  assert.deepEqual(only(updated, 'id', 'createdBy', 'stageSemanticId', 'isNew', 'title'), { id: 1, createdBy: 1, stageSemanticId: 'P', isNew: 'Y', title: 'B' })
  assert.deepEqual(only((await ask('crm.item.update', { entityTypeId: 2, id: 1 })).body, 'error', 'error_description'), { error: '100', error_description: 'Could not find value for parameter {fields}' })
})

test('select is honoured by crm.item.list; without it every field but fm is shown', async (t) => {
  const { portal, ask } = await testPortal(t, { custom_fields: [field('A', 'string')] })
  portal.create({ TITLE: 'A', UF_CRM_A: 'x' })
  const keys = async (select?: string[]): Promise<string[]> => Object.keys(((await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', ...(select === undefined ? {} : { select }) })).result as { items: object[] }).items[0] ?? {})
  assert.deepEqual(await keys(['title', 'unknown']), ['id', 'title'])
  assert.deepEqual(await keys(['UF_*']), ['id', 'UF_CRM_A'])
  assert.deepEqual((await keys()).filter(key => ['title', 'stageId', 'UF_CRM_A', 'searchContent'].includes(key)).length, 4)
})

test('contacts and companies have custom fields of their own', async (t) => {
  const { askItem } = await testPortal(t, { custom_fields: [field('D', 'string'), field('C', 'string', { entity: 'contact' })] })
  const contact = await askItem('crm.item.add', { entityTypeId: 3, fields: { name: 'A', UF_CRM_C: 'x', UF_CRM_D: 'y' } })
  assert.deepEqual([contact['UF_CRM_C'], Object.hasOwn(contact, 'UF_CRM_D')], ['x', false])
})
