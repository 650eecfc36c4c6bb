import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

const funnels = [{ id: 0 }, { id: 1 }, { id: 2, stages: ['NEW', 'UC_1', 'WON', 'LOSE'] }]

test('crm.deal.update with a stage of another funnel answers true and changes nothing', async (t) => {
  const { portal, ask } = await testPortal(t, { funnels })
  portal.create({ TITLE: 'A' })
  assert.equal((await ask('crm.deal.update', { id: 1, fields: { STAGE_ID: 'C1:WON', TITLE: 'B' } })).result, true)
  assert.deepEqual(only(portal.deal(1), 'TITLE', 'STAGE_ID', 'CATEGORY_ID'), { TITLE: 'A', STAGE_ID: 'NEW', CATEGORY_ID: 0 })
  await ask('crm.deal.update', { id: 1, fields: { STAGE_ID: 'EXECUTING', TITLE: 'B' } })
  assert.deepEqual(only(portal.deal(1), 'TITLE', 'STAGE_ID'), { TITLE: 'B', STAGE_ID: 'EXECUTING' })
})

test('crm.item.update with categoryId and stageId moves the deal; the flags follow the stage', async (t) => {
  const { portal, askItem } = await testPortal(t, { funnels })
  portal.create({ TITLE: 'A' })
  const item = await askItem('crm.item.update', { id: 1, fields: { categoryId: 1, stageId: 'C1:WON' } })
  assert.deepEqual(only(item, 'categoryId', 'stageId', 'stageSemanticId', 'closed', 'isNew'), { categoryId: 1, stageId: 'C1:WON', stageSemanticId: 'S', closed: 'Y', isNew: 'N' })
})

test('a stage that is not in the target funnel is replaced by its first one of the same kind', async (t) => {
  const { portal, askItem } = await testPortal(t, { funnels })
  portal.create({ TITLE: 'A' })
  const move = async (fields: object): Promise<unknown> => (await askItem('crm.item.update', { id: 1, fields }))['stageId']
  assert.equal(await move({ categoryId: 2, stageId: 'C1:APOLOGY' }), 'C2:LOSE')
  assert.equal(await move({ categoryId: 1 }), 'C1:LOSE')
  assert.equal(await move({ categoryId: 0, stageId: 'C2:WON' }), 'WON')
  assert.equal(await move({ categoryId: 2, stageId: 'EXECUTING' }), 'C2:NEW')
  assert.equal(await move({ stageId: 'C1:WON' }), 'C2:NEW')
})

test('a funnel that is not there is refused', async (t) => {
  const { ask } = await testPortal(t, { funnels })
  assert.equal((await ask('crm.item.add', { entityTypeId: 2, fields: { categoryId: 9 } })).error, 'CRM_FIELD_ERROR_VALUE_NOT_VALID')
})

test('the stage history tells creation, stages, the final stage and moves between funnels', async (t) => {
  const { portal, ask } = await testPortal(t, { funnels, zone: '+03:00' }, () => Date.parse('2026-09-01T10:00:00Z'))
  portal.create({ TITLE: 'other' })
  portal.create({ TITLE: 'A' })
  for (const stage of ['EXECUTING', 'WON', 'C1:NEW']) portal.move(2, stage)
  portal.update(2, { TITLE: 'B' })
  const { result, body } = await ask('crm.stagehistory.list', { entityTypeId: 2, filter: { OWNER_ID: 2 }, order: { ID: 'ASC' } })
  const { items } = result as { items: Record<string, unknown>[] }
  assert.equal(body['total'], 4)
  assert.deepEqual(items.map(item => [item['TYPE_ID'], item['STAGE_ID'], item['STAGE_SEMANTIC_ID'], item['CATEGORY_ID']]), [[1, 'NEW', 'P', 0], [2, 'EXECUTING', 'P', 0], [3, 'WON', 'S', 0], [5, 'C1:NEW', 'P', 1]])
  assert.deepEqual(Object.keys(items[0] ?? {}).toSorted(), ['CATEGORY_ID', 'CREATED_TIME', 'ID', 'OWNER_ID', 'STAGE_ID', 'STAGE_SEMANTIC_ID', 'TYPE_ID'])
  assert.equal(items[0]?.['CREATED_TIME'], '2026-09-01T13:00:00+03:00')
})

test('an import keeps the dates and people that were written, and takes nothing older than what is there', async (t) => {
  const { ask, askItem } = await testPortal(t, { zone: '+03:00' })
  const item = await askItem('crm.item.import', { fields: { title: 'A', createdTime: '2020-02-03T10:00:00+03:00', createdBy: 42, updatedTime: '2021-02-03T10:00:00+03:00', updatedBy: 43, movedTime: '2020-05-05T10:00:00+03:00' } })
  assert.deepEqual(only(item, 'title', 'createdTime', 'createdBy', 'updatedTime', 'updatedBy', 'movedTime'), { title: 'A', createdTime: '2020-02-03T10:00:00+03:00', createdBy: 42, updatedTime: '2021-02-03T10:00:00+03:00', updatedBy: 43, movedTime: '2020-05-05T10:00:00+03:00' })
  assert.equal((await ask('crm.item.import', { entityTypeId: 2, fields: { title: 'B', createdTime: '2019-01-01T00:00:00+03:00' } })).status, 400)
  assert.equal((await askItem('crm.item.import', { fields: { title: 'C', createdTime: '2020-02-03T10:00:00+03:00' } }))['id'], 2)
})
