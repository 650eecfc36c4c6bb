import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { PortalConfig } from './config.ts'
import type { Portal } from './portal.ts'
import { startSimulator } from './simulator.ts'

async function portal (t: TestContext, config: Partial<PortalConfig> = {}): Promise<Portal> {
  const simulator = await startSimulator({ portals: [{ name: 'p', ...config }] })
  t.after(() => simulator.stop())
  return simulator.portal('p')
}

async function call (at: Portal, method: string, params: object = {}): Promise<{ status: number, body: Record<string, unknown> }> {
  const response = await fetch(`${at.restUrl}${method}.json`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(params) })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

test('the universal family gives numbers and camelCase, the old one texts and capitals', async (t) => {
  const at = await portal(t)
  const id = at.create({ TITLE: 'A', OPPORTUNITY: 19999.99, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB' })
  const item = ((await call(at, 'crm.item.get', { entityTypeId: 2, id })).body['result'] as { item: Record<string, unknown> }).item
  assert.equal(item['opportunity'], 19999.99)
  assert.match(String(item['updatedTime']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/)
  assert.equal(((await call(at, 'crm.deal.get', { id })).body['result'] as Record<string, unknown>)['OPPORTUNITY'], '19999.99')
})

test('an unknown filter is refused by crm.item.list and dropped by crm.deal.list', async (t) => {
  const at = await portal(t)
  at.create({ TITLE: 'A' })
  const refused = await call(at, 'crm.item.list', { entityTypeId: 2, filter: { FIELD: 1 } })
  assert.deepEqual([refused.status, refused.body['error']], [400, 'INVALID_ARG_VALUE'])
  assert.equal(((await call(at, 'crm.deal.list', { filter: { FIELD: 1 } })).body['result'] as unknown[]).length, 1)
})

test('a batch answers 200 with maps that are [] when empty, and a failed command is in result_error alone', async (t) => {
  const at = await portal(t)
  const id = at.create({ TITLE: 'A' })
  const { status, body } = await call(at, 'batch', { halt: 0, cmd: { a: `crm.item.get?entityTypeId=2&id=${id}`, b: 'crm.item.get?entityTypeId=2&id=999' } })
  const result = body['result'] as Record<string, Record<string, unknown>>
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(result['result'] ?? {}), ['a'])
  assert.deepEqual(result['result_error'], { b: { error: 'NOT_FOUND', error_description: 'Item not found' } })
  assert.deepEqual(result['result_next'], [])
})

test('a reference in a batch is replaced, and one that cannot be followed becomes empty', async (t) => {
  const at = await portal(t)
  await call(at, 'batch', { cmd: { c: 'crm.item.add?entityTypeId=4&fields[title]=Co', d: 'crm.item.add?entityTypeId=2&fields[title]=D&fields[companyId]=$result[c][item][id]', e: 'crm.item.add?entityTypeId=2&fields[sourceDescription]=$result[zz][id]&fields[title]=E' } })
  const [d, e] = at.deals()
  assert.equal(d?.['COMPANY_ID'], 1)
  assert.equal(e?.['SOURCE_DESCRIPTION'], '')
})

test('above the burst a request is refused with 503 QUERY_LIMIT_EXCEEDED, and a batch counts as one', async (t) => {
  const at = await portal(t, { limits: { per_second: 0.001, burst: 2 } })
  await call(at, 'batch', { cmd: { a: 'user.current', b: 'user.current', c: 'user.current' } })
  await call(at, 'user.current')
  const refused = await call(at, 'user.current')
  assert.deepEqual([refused.status, refused.body['error']], [503, 'QUERY_LIMIT_EXCEEDED'])
  assert.equal(at.stats().refused, 1)
})

test('an update without a change saves nothing and sends no webhook; a change sends the form as a portal writes it', async (t) => {
  const bodies: string[] = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() }).on('end', () => { bodies.push(body); response.end() })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close() })
  const at = await portal(t, { webhooks: [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`, kind: 'ui', application_token: 'tok' }] })
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  await at.idle()
  assert.equal(bodies.length, 2)
  assert.match(bodies[1] ?? '', /^event=ONCRMDEALUPDATE&event_handler_id=1&data%5BFIELDS%5D%5BID%5D=1&ts=\d+&auth%5Bdomain%5D=p\.bitrix24\.ru&.*auth%5Bapplication_token%5D=tok$/)
})

test('a lost answer has its effect, a cut has none, and both end the connection', async (t) => {
  const at = await portal(t)
  at.fault({ where: 'write', mode: 'lost', method: 'crm.item.add', times: 1 })
  await assert.rejects(call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'A' } }))
  assert.equal(at.deals().length, 1)
  at.fault({ where: 'write', mode: 'cut', method: 'crm.item.add', times: 1 })
  await assert.rejects(call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'B' } }))
  assert.equal(at.deals().length, 1)
})

test('a stage that is not in the funnel is replaced by the first one, silently', async (t) => {
  const at = await portal(t)
  const { body } = await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'A', stageId: 'C7:NEW' } })
  assert.equal((body['result'] as { item: { stageId: string } }).item.stageId, 'NEW')
})

test('adds are counted by their ORIGIN pair, in both families', async (t) => {
  const at = await portal(t)
  await call(at, 'crm.item.add', { entityTypeId: 2, fields: { title: 'A', originatorId: 'x', originId: '1' } })
  await call(at, 'crm.deal.add', { fields: { TITLE: 'B', ORIGINATOR_ID: 'x', ORIGIN_ID: '1' } })
  await call(at, 'crm.deal.add', { fields: { TITLE: 'C', ORIGINATOR_ID: 'y', ORIGIN_ID: '1' } })
  assert.deepEqual(at.stats().adds, { 'x/1': 2, 'y/1': 1 })
})

test('a late webhook arrives after a newer one, and a move to another funnel reaches apps alone', async (t) => {
  const bodies: string[] = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() }).on('end', () => { bodies.push(`${request.url} ${new URLSearchParams(body).get('event')}`); response.end() })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close() })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const at = await portal(t, { funnels: [{ id: 0 }, { id: 1 }], webhooks: [{ url: `${base}/ui`, kind: 'ui' }, { url: `${base}/app`, kind: 'app' }] })
  at.fault({ where: 'webhook', mode: 'late', method: 'ONCRMDEALADD', times: 1, ms: 100 })
  const id = at.create({ TITLE: 'A' })
  at.move(id, 'C1:NEW')
  await at.idle()
  assert.deepEqual(bodies, ['/app ONCRMDEALADD', '/app ONCRMDEALMOVETOCATEGORY', '/ui ONCRMDEALADD'])
})

test('a renamed portal answers 302, and a percent sign alone does not cut a batch', async (t) => {
  const at = await portal(t)
  at.fault({ where: 'auth', mode: 'redirect', times: 1 })
  assert.equal((await fetch(`${at.restUrl}user.current`, { redirect: 'manual' })).status, 302)
  await call(at, 'batch', { cmd: { a: 'crm.item.add?entityTypeId=2&fields[title]=100%' } })
  assert.equal(at.deals()[0]?.['TITLE'], '100%')
})

test('a wrong secret is answered 401 NO_AUTH_FOUND', async (t) => {
  const at = await portal(t)
  const response = await fetch(at.restUrl.replace(/[^/]+\/$/, 'wrong/') + 'user.current')
  assert.deepEqual([response.status, (await response.json() as { error: string }).error], [401, 'NO_AUTH_FOUND'])
})
