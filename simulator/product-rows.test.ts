import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

const rows = [{ productName: 'Pump', price: 110, quantity: 2, taxRate: 10, taxIncluded: 'Y' }, { productName: 'Work', price: 50 }]
const ofDeal = { filter: { '=ownerType': 'D', '=ownerId': 1 } }

test('a set replaces every row and recomputes the sum of the deal', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A', OPPORTUNITY: 5 })
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: rows })
  assert.deepEqual(only(portal.deal(1), 'OPPORTUNITY', 'TAX_VALUE'), { OPPORTUNITY: 270, TAX_VALUE: 20 })
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: [{ productId: 7, price: 40 }] })
  const { result, body } = await ask('crm.item.productrow.list', ofDeal)
  const { productRows } = result as { productRows: Record<string, unknown>[] }
  assert.deepEqual([productRows.length, body['total'], portal.deal(1)?.['OPPORTUNITY']], [1, 1, 40])
  assert.deepEqual(only(productRows[0], 'ownerId', 'ownerType', 'productId', 'price', 'quantity', 'discountTypeId', 'taxIncluded'), { ownerId: 1, ownerType: 'D', productId: 7, price: 40, quantity: 1, discountTypeId: 2, taxIncluded: 'N' })
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: [] })
  assert.equal(portal.deal(1)?.['OPPORTUNITY'], 0)
})

test('a written sum is overwritten by the rows, but not in a deal without rows nor with a manual sum', async (t) => {
  const { portal, ask, askItem } = await testPortal(t)
  portal.create({ TITLE: 'A' })
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { opportunity: 999.5 } }))['opportunity'], 999.5)
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: rows })
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { opportunity: 999.5 } }))['opportunity'], 270)
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { opportunity: 999.5, isManualOpportunity: 'Y' } }))['opportunity'], 999.5)
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: [{ price: 1 }] })
  assert.equal(portal.deal(1)?.['OPPORTUNITY'], 999.5)
  assert.equal((await askItem('crm.item.update', { id: 1, fields: { isManualOpportunity: 'N' } }))['opportunity'], 1)
})

test('prices without tax and before the discount follow from the price', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A' })
  const said = await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: [{ price: 108, taxRate: 20, discountRate: 10 }] })
  const [row] = (said.result as { productRows: unknown[] }).productRows
  assert.deepEqual(only(row, 'price', 'priceExclusive', 'priceNetto', 'priceBrutto', 'discountSum'), { price: 108, priceExclusive: 90, priceNetto: 100, priceBrutto: 120, discountSum: 10 })
})

test('the old family sets and gets the same rows under names in capitals', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A' })
  assert.equal((await ask('crm.deal.productrows.set', { id: 1, rows: [{ PRODUCT_NAME: 'Pump', PRICE: '12.50', QUANTITY: 2 }] })).result, true)
  const [row] = (await ask('crm.deal.productrows.get', { id: 1 })).result as unknown[]
  assert.deepEqual(only(row, 'ID', 'OWNER_ID', 'OWNER_TYPE', 'PRODUCT_NAME', 'PRICE', 'QUANTITY', 'DISCOUNT_TYPE_ID'), { ID: '1', OWNER_ID: '1', OWNER_TYPE: 'D', PRODUCT_NAME: 'Pump', PRICE: 12.5, QUANTITY: 2, DISCOUNT_TYPE_ID: 2 })
  assert.equal(portal.deal(1)?.['OPPORTUNITY'], 25)
  assert.deepEqual((await ask('crm.deal.productrows.set', { id: 9, rows: [] })).body, { error: '', error_description: 'Not found' })
  assert.equal((await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 9, productRows: [] })).error, 'NOT_FOUND')
})

test('rows go with their deal and survive a restart of the portal', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A' })
  await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: rows })
  const next = await testPortal(t)
  next.portal.store.load(JSON.parse(JSON.stringify(portal.store.dump())))
  assert.equal(next.portal.store.rows(1).length, 2)
  assert.equal((await next.ask('crm.stagehistory.list', { entityTypeId: 2 })).body['total'], 1)
  portal.remove(1)
  assert.deepEqual(portal.store.rows(1), [])
  assert.deepEqual((await ask('crm.item.productrow.list', ofDeal)).result, { productRows: [] })
})

test('a set of rows sends an update and an import an add, or none by switch', async (t) => {
  const events = async (fire: boolean): Promise<(string | undefined)[]> => {
    const { portal, ask, askItem } = await testPortal(t, { switches: { rows_fire_update: fire, import_fires_add: fire }, webhooks: [{ url: 'http://127.0.0.1:9/', kind: 'ui' }] })
    await askItem('crm.item.import', { fields: { title: 'A' } })
    await ask('crm.item.productrow.set', { ownerType: 'D', ownerId: 1, productRows: rows })
    await portal.idle()
    return portal.journal().filter(entry => entry.kind === 'webhook_failed').map(entry => entry.event)
  }
  assert.deepEqual([await events(true), await events(false)], [['ONCRMDEALADD', 'ONCRMDEALUPDATE'], []])
})
