import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, handler, refusal, testPortal, until } from './testing.ts'

test('a deal vanishes between its webhook and the read', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }] })
  at.fault({ where: 'data', mode: 'vanish', method: 'ONCRMDEALADD', times: 1 })
  const id = at.create({ TITLE: 'A' })
  await at.idle()
  assert.deepEqual(to.received.map(one => one.form.get('event')), ['ONCRMDEALADD', 'ONCRMDEALDELETE'])
  assert.deepEqual(refusal(await call(at, 'crm.item.get', { entityTypeId: 2, id })), [400, 'NOT_FOUND'])
  assert.deepEqual(refusal(await call(at, 'crm.deal.get', { id })), [400, ''])
})

test('a deal saved twice in one second sends two webhooks of the same bytes', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }] })
  const id = at.create({ TITLE: 'A' })
  at.fault({ where: 'data', mode: 'saved_again', times: 1, fields: { TITLE: 'C' } })
  at.update(id, { TITLE: 'B' })
  await at.idle()
  assert.equal(at.deal(id)?.['TITLE'], 'C')
  assert.equal(to.received.length, 3)
  assert.equal(to.received[1]?.raw, to.received[2]?.raw)
})

test('a person overwrites the ORIGIN pair of a deal that was just written, and the write was answered as it was', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'data', mode: 'saved_again', times: 1, fields: { ORIGINATOR_ID: 'other', ORIGIN_ID: '9' } })
  const { body } = await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'A', originatorId: 'x', originId: '1' } })
  assert.equal((body['result'] as { item: Record<string, unknown> }).item['originId'], '1')
  await until(() => at.deals()[0]?.['ORIGIN_ID'] === '9')
  assert.equal((await call(at, 'crm.item.list', { entityTypeId: 2, filter: { '=originId': '1' } })).body['total'], 0)
})

test('a deal changes between read and write, whichever way it was read', async (t) => {
  for (const [method, params] of [['crm.item.get', { entityTypeId: 2, id: 1 }], ['crm.item.list', { entityTypeId: 2 }], ['crm.deal.get', { id: 1 }], ['crm.deal.list', {}]] as const) {
    const at = await testPortal(t)
    at.create({ TITLE: 'A' })
    at.fault({ where: 'data', mode: 'changed_after_read', method, times: 1, fields: { TITLE: 'B' } })
    const { body } = await call(at, method, params)
    assert.match(JSON.stringify(body['result']), /"A"/)
    await until(() => at.deal(1)?.['TITLE'] === 'B')
  }
})

test('in a merge the first deal takes what it lacks, the others are deleted, and events follow the switch', async (t) => {
  for (const fires of [true, false]) {
    const to = await handler(t)
    const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui', events: ['ONCRMDEALUPDATE', 'ONCRMDEALDELETE'] }], switches: { merge_fires_events: fires } })
    const [first, second] = [at.create({ TITLE: 'A' }), at.create({ TITLE: 'B', ORIGINATOR_ID: 'x', ORIGIN_ID: '1' })]
    at.merge([first, second])
    await at.idle()
    assert.deepEqual([at.deals().length, at.deal(first)?.['TITLE'], at.deal(first)?.['ORIGIN_ID']], [1, 'A', '1'])
    assert.deepEqual(to.received.map(one => one.form.get('event')), fires ? ['ONCRMDEALUPDATE', 'ONCRMDEALDELETE'] : [])
  }
})

test('a deal that was just written is merged away into an older one', async (t) => {
  const at = await testPortal(t)
  const older = at.create({ TITLE: 'older' })
  at.fault({ where: 'data', mode: 'merged', times: 1 })
  await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'newer' } })
  await until(() => at.deals().length === 1)
  assert.equal(at.deals()[0]?.['ID'], older)
})

test('robots of a stage save after the save that called them, each save with its event', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }], robots: [{ stage: 'EXECUTING', saves: [{ TITLE: 'r1' }, { TITLE: 'r2' }, { STAGE_ID: 'WON' }] }, { saves: [{ SOURCE_DESCRIPTION: 'new' }] }] })
  const id = at.create({ TITLE: 'A' })
  await at.idle()
  at.move(id, 'EXECUTING')
  await at.idle()
  assert.deepEqual(to.received.map(one => one.form.get('event')?.slice(9)), ['ADD', 'UPDATE', 'UPDATE', 'UPDATE', 'UPDATE', 'UPDATE'])
  assert.deepEqual([at.deal(id)?.['TITLE'], at.deal(id)?.['STAGE_ID'], at.deal(id)?.['SOURCE_DESCRIPTION']], ['r2', 'WON', 'new'])
  assert.deepEqual(at.journal().filter(entry => entry.kind === 'save').map(({ by }) => by), ['person', 'robot', 'person', 'robot', 'robot', 'robot'])
})

test('a new deal is missing in lists for a while and is there by its id at once', async (t) => {
  const at = await testPortal(t, { switches: { list_lag_ms: 2000 } })
  const { body } = await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'A', originId: '1' } })
  const { id } = (body['result'] as { item: { id: number } }).item
  const found = async (): Promise<unknown> => (await call(at, 'crm.item.list', { entityTypeId: 2, filter: { '=originId': '1' } })).body['total']
  assert.equal(await found(), 0)
  assert.equal((await call(at, 'crm.item.get', { entityTypeId: 2, id })).status, 200)
  at.advance(2000)
  assert.equal(await found(), 1)
})
