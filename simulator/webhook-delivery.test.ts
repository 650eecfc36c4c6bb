import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { PortalConfig } from './config.ts'
import type { FaultSpec } from './faults.ts'
import { handler, testPortal, until } from './testing.ts'
import type { Received, TestPortal } from './testing.ts'

async function heard (t: TestContext, config: Partial<PortalConfig> = {}): Promise<{ at: TestPortal, received: Received[], events: () => string[], url: string }> {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: `${to.url}/hook?deal=1`, kind: 'ui', application_token: 'tok' }], ...config })
  return { at, received: to.received, url: to.url, events: () => to.received.map(one => `${one.form.get('event')?.slice(9)} ${one.form.get('data[FIELDS][ID]')}`) }
}
const fault = (mode: string, more: Partial<FaultSpec> = {}): FaultSpec => ({ where: 'webhook', mode, times: 1, ...more })

test('the form has the portal\'s keys in the portal\'s order, brackets encoded, and keeps the path and query of the address', async (t) => {
  const { at, received } = await heard(t)
  at.create({ TITLE: 'A' })
  await at.idle()
  assert.equal(received[0]?.path, '/hook?deal=1')
  assert.match(received[0].raw, /^event=ONCRMDEALADD&event_handler_id=1&data%5BFIELDS%5D%5BID%5D=1&ts=1772366400&auth%5Bdomain%5D=p\.bitrix24\.ru&auth%5Bclient_endpoint%5D=https%3A%2F%2Fp\.bitrix24\.ru%2Frest%2F&auth%5Bserver_endpoint%5D=https%3A%2F%2Foauth\.bitrix24\.tech%2Frest%2F&auth%5Bmember_id%5D=[0-9a-f]{32}&auth%5Bapplication_token%5D=tok$/)
})

test('a robot\'s call names the document alone: no event, no application token', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'robot', application_token: 'tok' }] })
  at.create({ TITLE: 'A' })
  await at.idle()
  const form = to.received[0]?.form
  assert.deepEqual([form?.get('document_id[0]'), form?.get('document_id[1]'), form?.get('document_id[2]')], ['crm', 'CCrmDocumentDeal', 'DEAL_1'])
  assert.deepEqual([form?.get('event'), form?.get('auth[application_token]'), form?.get('auth[domain]')], [null, null, 'p.bitrix24.ru'])
})

test('a change of stage inside the funnel is an update, a delete is a delete', async (t) => {
  const { at, events } = await heard(t)
  const id = at.create({ TITLE: 'A' })
  at.move(id, 'EXECUTING')
  at.remove(id)
  await at.idle()
  assert.deepEqual(events(), ['ADD 1', 'UPDATE 1', 'DELETE 1'])
})

test('a handler that answers an error, or nothing at all, gets no second attempt', async (t) => {
  const to = await handler(t, () => 500)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }, { url: 'http://127.0.0.1:1/', kind: 'ui' }] })
  at.create({ TITLE: 'A' })
  await at.idle()
  assert.equal(to.received.length, 1)
  assert.deepEqual(at.journal().filter(entry => entry.kind === 'webhook_failed').map(({ status, save }) => [status, save]).toSorted(), [[0, 1], [500, 1]])
})

test('a slow handler holds up its own calls and nobody else\'s, and is given up after the handler timeout', async (t) => {
  const slow = await handler(t, () => new Promise<number>(() => undefined))
  const quick = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: slow.url, kind: 'ui' }, { url: quick.url, kind: 'ui' }], switches: { handler_timeout_ms: 100 } })
  at.create({ TITLE: 'A' })
  at.create({ TITLE: 'B' })
  await until(() => quick.received.length === 2)
  assert.equal(slow.received.length, 1)
  const start = performance.now()
  await at.idle()
  assert.equal(slow.received.length, 2)
  assert.ok(performance.now() - start < 2000)
})

test('the gaps before a failing handler\'s calls double, and one good call ends them', async (t) => {
  const at: number[] = []
  const to = await handler(t, () => { at.push(performance.now()); return at.length < 4 ? 500 : 200 })
  const portal = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }], switches: { slow_gap_ms: 40 } })
  for (let i = 0; i < 6; i += 1) portal.create({ TITLE: String(i) })
  await portal.idle()
  const gaps = at.slice(1).map((time, i) => time - (at[i] ?? 0))
  assert.equal(gaps.length, 5)
  for (const [i, least] of [39, 79, 159].entries()) assert.ok((gaps[i] ?? 0) >= least, `gap ${i} was ${gaps[i]} ms`)
  assert.ok((gaps[4] ?? 1000) < 159, `the gap after a good call was ${gaps[4]} ms`)
})

test('two subscriptions for one address get a call each, with ids of their own', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }, { url: to.url, kind: 'ui' }] })
  at.create({ TITLE: 'A' })
  await at.idle()
  assert.deepEqual(to.received.map(one => one.form.get('event_handler_id')), ['1', '2'])
})

test('a webhook can be lost, come twice, or come late', async (t) => {
  const { at, events } = await heard(t)
  at.fault(fault('drop', { contains: '1' }))
  at.fault(fault('twice', { contains: '2' }))
  at.fault(fault('late', { contains: '3', ms: 60 }))
  for (const title of ['A', 'B', 'C', 'D']) at.create({ TITLE: title })
  await at.idle()
  assert.deepEqual(events(), ['ADD 2', 'ADD 2', 'ADD 4', 'ADD 3'])
})

test('collected webhooks come newest first when reordered, and all at once in a burst', async (t) => {
  const { at, events } = await heard(t)
  at.fault(fault('reordered', { times: 3, ms: 60 }))
  for (const title of ['A', 'B', 'C']) at.create({ TITLE: title })
  await at.idle()
  assert.deepEqual(events(), ['ADD 3', 'ADD 2', 'ADD 1'])
  let open = 0
  let most = 0
  const to = await handler(t, async () => {
    most = Math.max(most, ++open)
    await until(() => most === 3)
    open -= 1
    return 200
  })
  at.setWebhooks([{ url: to.url, kind: 'ui' }])
  at.fault(fault('burst', { times: 3, ms: 30 }))
  for (const title of ['D', 'E', 'F']) at.create({ TITLE: title })
  await at.idle()
  assert.equal(most, 3)
})

test('a replayed webhook comes again later, byte for byte, even when the deal has gone on', async (t) => {
  const { at, received, events } = await heard(t)
  at.fault(fault('replayed', { ms: 60 }))
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  await at.idle()
  assert.deepEqual(events(), ['ADD 1', 'UPDATE 1', 'ADD 1'])
  assert.equal(received[2]?.raw, received[0]?.raw)
})

test('keys that nobody promised can be there, and optional ones can be missing', async (t) => {
  const { at, received } = await heard(t)
  at.fault(fault('extra_keys'))
  at.create({ TITLE: 'A' })
  at.fault(fault('missing_keys'))
  at.create({ TITLE: 'B' })
  await at.idle()
  const keys = received.map(one => [...one.form.keys()])
  assert.deepEqual(keys[0]?.filter(key => !keys[1]?.includes(key)), ['event_handler_id', 'data[PREVIOUS][ID]', 'event_id', 'attempt', 'auth[client_endpoint]', 'auth[server_endpoint]', 'auth[licence]'])
  assert.deepEqual(keys[1], ['event', 'data[FIELDS][ID]', 'ts', 'auth[domain]', 'auth[member_id]', 'auth[application_token]'])
})

test('a forged webhook is wrong in one place and right in all others', async (t) => {
  const { at, received } = await heard(t)
  const forged = { wrong_token: 'auth[application_token]', foreign_member: 'auth[member_id]', foreign_domain: 'auth[domain]', internal_endpoint: 'auth[client_endpoint]' }
  at.create({ TITLE: 'true' })
  await at.idle()
  for (const [mode, key] of Object.entries(forged)) {
    at.fault(fault(mode))
    at.create({ TITLE: mode })
    await at.idle()
    const [truth, lie] = [received[0]?.form, received.at(-1)?.form]
    const wrong = [...truth?.keys() ?? []].filter(name => name !== 'data[FIELDS][ID]' && truth?.get(name) !== lie?.get(name))
    assert.deepEqual(wrong, [key], mode)
  }
  assert.equal(received.at(-1)?.form.get('auth[client_endpoint]'), 'http://169.254.169.254/rest/')
})

test('the time in a webhook is that of the queue or that of the sending, by the switch', async (t) => {
  for (const [ts, seconds] of [['queued', 0], ['sent', 5]] as const) {
    const { at, received } = await heard(t, { switches: { ts } })
    at.freeze()
    at.create({ TITLE: 'A' })
    at.create({ TITLE: 'B' })
    at.advance(5000)
    at.thaw()
    await at.idle()
    assert.equal(Number(received.at(-1)?.form.get('ts')) - 1772366400, seconds, ts)
  }
})

test('contacts and companies are told of to webhooks that list their events alone', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: `${to.url}/all`, kind: 'ui' }, { url: `${to.url}/listed`, kind: 'ui', events: ['ONCRMCOMPANYADD'] }] })
  at.store.add(4, { TITLE: 'Co' }, 1)
  at.create({ TITLE: 'A' })
  await at.idle()
  assert.deepEqual(to.received.map(one => `${one.path} ${one.form.get('event')}`).toSorted(), ['/all ONCRMDEALADD', '/listed ONCRMCOMPANYADD'])
})
