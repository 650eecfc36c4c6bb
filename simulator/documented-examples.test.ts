import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

const TIME = ['start', 'finish', 'duration', 'processing', 'date_start', 'date_finish', 'operating_reset_at', 'operating']

test('the documented list of crm.item.list comes out value by value', async (t) => {
  const documented = {
    id: 7405, title: 'Поставка оборудования', typeId: 'SALE', categoryId: 1, stageId: 'C1:EXECUTING', stageSemanticId: 'P',
    currencyId: 'RUB', opportunity: 150000.5, isManualOpportunity: 'Y', taxValue: 0, companyId: 9, contactId: 84, contactIds: [84, 91],
    assignedById: 6, updatedBy: 6, begindate: '2026-08-30T03:00:00+03:00', closedate: '2026-09-06T03:00:00+03:00',
    createdTime: '2026-08-30T11:02:17+03:00', updatedTime: '2026-09-09T16:30:58+03:00', movedTime: '2026-09-01T10:00:00+03:00',
    comments: '[B]Срочно[/B]', sourceId: 'WEB', originatorId: null, originId: null, parentId1220: null, UF_CRM_CONTRACT: 'A-17/26'
  }
  let now = Date.parse('2026-08-30T08:02:17Z')
  const { portal, ask, askItem } = await testPortal(t, { first_id: 7405, user_id: 6, zone: '+03:00', funnels: [{ id: 0 }, { id: 1 }], smart_processes: [1220], custom_fields: [{ name: 'UF_CRM_CONTRACT', type: 'string' }] }, () => now)
  await askItem('crm.item.add', {
    fields: { title: 'Поставка', categoryId: 1, opportunity: '150000.5', isManualOpportunity: 'Y', companyId: '9', contactIds: ['84', '91'], comments: '<b>Срочно</b>', sourceId: 'WEB', UF_CRM_CONTRACT: 'A-17/26' }
  })
  now = Date.parse('2026-09-01T07:00:00Z')
  portal.move(7405, 'C1:EXECUTING')
  now = Date.parse('2026-09-09T13:30:58.900Z')
  portal.update(7405, { TITLE: documented.title })
  const { body, status } = await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', select: ['*', 'UF_*'], filter: { '>id': 0 }, order: { id: 'ASC' }, start: -1 })
  assert.deepEqual([status, Object.keys(body), body['total']], [200, ['result', 'total', 'time'], 0])
  assert.deepEqual(Object.keys(body['time'] as object), TIME)
  const [item] = (body['result'] as { items: unknown[] }).items
  assert.deepEqual(only(item, ...Object.keys(documented)), documented)
})

test('the documented list of crm.deal.list comes out value by value', async (t) => {
  const { portal, ask } = await testPortal(t, { first_id: 37, zone: '+02:00', funnels: [{ id: 0 }, { id: 1 }] }, () => Date.parse('2024-09-02T16:37:18Z'))
  portal.create({ TITLE: '[A] Deal', CATEGORY_ID: 1, OPPORTUNITY: 19999.99, IS_MANUAL_OPPORTUNITY: 'Y' })
  const documented = { ID: '37', TITLE: '[A] Deal', CATEGORY_ID: '1', STAGE_ID: 'C1:NEW', OPPORTUNITY: '19999.99', IS_MANUAL_OPPORTUNITY: 'Y', DATE_CREATE: '2024-09-02T18:37:18+02:00' }
  const { body } = await ask('crm.deal.list', { SELECT: Object.keys(documented) })
  assert.deepEqual(Object.keys(body), ['result', 'total', 'time'])
  assert.deepEqual([body['result'], body['total']], [[documented], 1])
})

test('the results of the five verbs have the documented shapes in both families', async (t) => {
  const { ask } = await testPortal(t)
  const item = { entityTypeId: 2, id: 1 }
  const shape = async (method: string, params: object): Promise<unknown> => {
    const { result } = await ask(method, params)
    return typeof result !== 'object' ? result : Array.isArray(result) ? (result.length === 0 ? [] : ['…']) : Object.keys(result as object).slice(0, 1)
  }
  assert.deepEqual(await shape('crm.item.add', { entityTypeId: 2, fields: { title: 'A' } }), ['item'])
  assert.deepEqual(await shape('crm.item.get', item), ['item'])
  assert.deepEqual(await shape('crm.item.list', { entityTypeId: 2 }), ['items'])
  assert.deepEqual(await shape('crm.item.update', { ...item, fields: { title: 'B' } }), ['item'])
  assert.deepEqual(await shape('crm.item.fields', { entityTypeId: 2 }), ['fields'])
  assert.deepEqual(await shape('crm.item.delete', item), [])
  assert.deepEqual(await shape('crm.deal.add', { fields: { TITLE: 'A' } }), 2)
  assert.deepEqual(await shape('crm.deal.get', { id: 2 }), ['ID'])
  assert.deepEqual(await shape('crm.deal.list', {}), ['…'])
  assert.deepEqual(await shape('crm.deal.update', { id: 2, fields: { TITLE: 'B' } }), true)
  assert.deepEqual(await shape('crm.deal.fields', {}), ['ID'])
  assert.deepEqual(await shape('crm.deal.delete', { id: 2 }), true)
})

test('the documented error envelopes: NOT_FOUND, an empty code, INVALID_ARG_VALUE, ERROR_METHOD_NOT_FOUND', async (t) => {
  const { ask } = await testPortal(t)
  const envelope = async (method: string, params: object): Promise<unknown[]> => {
    const { status, body } = await ask(method, params)
    assert.deepEqual(Object.keys(body), ['error', 'error_description'])
    return [status, body['error']]
  }
  assert.deepEqual(await envelope('crm.item.get', { entityTypeId: 2, id: 9 }), [400, 'NOT_FOUND'])
  assert.deepEqual((await ask('crm.deal.get', { id: 9 })).body, { error: '', error_description: 'Not found' })
  assert.deepEqual((await ask('crm.item.list', { entityTypeId: 2, filter: { FIELD: 1 } })).body, { error: 'INVALID_ARG_VALUE', error_description: 'Invalid filter: field \'FIELD\' is not allowed in filter' })
  assert.deepEqual(await envelope('crm.item.invent', {}), [404, 'ERROR_METHOD_NOT_FOUND'])
})

const BATCH = {
  c1: 'crm.item.add?entityTypeId=4&fields[title]=%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0%20%26%20K',
  d1: 'crm.item.add?entityTypeId=2&fields[title]=A%26B&fields[companyId]=$result[c1][item][id]&fields[originatorId]=dealbridge&fields[originId]=acme%3A7405',
  l1: 'crm.item.list?entityTypeId=2&filter[%3DoriginId]=acme%3A7406&start=-1'
}

test('the documented batch makes a company and a deal of it, by reference', async (t) => {
  const { portal, ask } = await testPortal(t, { first_id: 91 })
  await ask('batch', { halt: 0, cmd: BATCH })
  assert.equal(portal.store.get(4, 91)['TITLE'], 'Ромашка & K')
  assert.deepEqual(only(portal.deals()[0], 'TITLE', 'COMPANY_ID', 'ORIGINATOR_ID', 'ORIGIN_ID'), { TITLE: 'A&B', COMPANY_ID: 91, ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: 'acme:7405' })
})

test('the documented answer of a batch with a failed command comes out map by map', async (t) => {
  const { ask } = await testPortal(t, { first_id: 91 })
  const { status, body, result } = await ask('batch', { halt: 0, cmd: { ...BATCH, d1: `${BATCH.d1}&fields[currencyId]=XXX` } })
  const maps = result as Record<string, Record<string, Record<string, unknown>>>
  assert.deepEqual([status, Object.keys(body), Object.keys(maps).toSorted()], [200, ['result', 'time'], ['result', 'result_error', 'result_next', 'result_time', 'result_total']])
  assert.deepEqual(only(maps['result']?.['c1']?.['item'], 'id'), { id: 91 })
  assert.deepEqual([maps['result']?.['l1'], Object.hasOwn(maps['result'] ?? {}, 'd1')], [{ items: [] }, false])
  assert.deepEqual(Object.keys(maps['result_error'] ?? {}), ['d1'])
  assert.deepEqual([maps['result_error']?.['d1']?.['error'], maps['result_total'], maps['result_next']], ['CRM_FIELD_ERROR_VALUE_NOT_VALID', { l1: 0 }, []])
  assert.deepEqual(Object.keys(maps['result_time']?.['c1'] ?? {}), TIME)
})
