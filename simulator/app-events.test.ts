import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APP, call, handler, refusal, testPortal, token, tokens } from './testing.ts'
import type { Received } from './testing.ts'

const names = (received: Received[]): (string | null)[] => received.map(one => one.form.get('event'))

test('event.* is refused to an incoming webhook with WRONG_AUTH_TYPE 403', async (t) => {
  const at = await testPortal(t)
  for (const method of ['event.bind', 'event.get', 'event.unbind', 'event.test', 'event.offline.get', 'event.offline.list', 'event.offline.clear', 'event.offline.error']) {
    assert.deepEqual(refusal(await call(at, method, { event: 'ONCRMDEALADD', handler: 'https://app.example/' })), [403, 'WRONG_AUTH_TYPE'])
  }
})

test('a handler is bound once, shown by event.get and counted by event.unbind', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  const access = String((await tokens(at))['access_token'])
  const one = { event: 'OnCrmDealAdd', handler: 'https://app.example/hook' }
  assert.equal((await call(at, 'event.bind', one, access)).body['result'], true)
  const twice = await call(at, 'event.bind', one, access)
  assert.deepEqual([twice.status, twice.body['error_description']], [400, 'Unable to set event handler: Handler already binded'])
  assert.deepEqual(refusal(await call(at, 'event.bind', { ...one, event: 'ONNOTHING' }, access)), [400, 'ERROR_EVENT_NOT_FOUND'])
  assert.deepEqual(refusal(await call(at, 'event.bind', { event: one.event }, access)), [400, 'ERROR_ARGUMENT'])
  assert.deepEqual(refusal(await call(at, 'event.bind', { event: one.event, handler: 'ftp://app.example/' }, access)), [400, 'ERROR_UNSUPPORTED_PROTOCOL'])
  assert.deepEqual((await call(at, 'event.get', {}, access)).body['result'], [{ event: 'ONCRMDEALADD', handler: one.handler, auth_type: '0', offline: 0 }])
  assert.deepEqual((await call(at, 'event.unbind', one, access)).body['result'], { count: 1 })
  assert.deepEqual((await call(at, 'event.unbind', one, access)).body['result'], { count: 0 })
})

test('an app hears of a save with tokens that work when a person acted, and without any when a robot did', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [APP], user_id: 5 })
  await call(at, 'event.bind', { event: 'ONCRMDEALUPDATE', handler: to.url }, String((await tokens(at))['access_token']))
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  at.robot(id, { TITLE: 'C' })
  await at.idle()
  const [person, robot] = to.received.map(one => [...one.form.keys()].filter(key => key.startsWith('auth')).map(key => key.slice(5, -1)))
  assert.deepEqual(person, ['access_token', 'expires', 'expires_in', 'scope', 'status', 'user_id', 'domain', 'client_endpoint', 'server_endpoint', 'member_id', 'application_token'])
  assert.deepEqual(robot, ['domain', 'client_endpoint', 'server_endpoint', 'member_id', 'application_token'])
  const form = to.received[0]?.form
  assert.deepEqual([form?.get('auth[application_token]'), form?.get('auth[user_id]'), form?.get('auth[expires_in]')], ['app-token', '5', '3600'])
  assert.equal((await call(at, 'user.current', {}, form?.get('auth[access_token]') ?? '')).status, 200)
})

test('a move to another funnel reaches apps alone and names funnel and stage', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [APP], funnels: [{ id: 0 }, { id: 1 }], webhooks: [{ url: `${to.url}/ui`, kind: 'ui' }] })
  await call(at, 'event.bind', { event: 'ONCRMDEALMOVETOCATEGORY', handler: `${to.url}/app` }, String((await tokens(at))['access_token']))
  const id = at.create({ TITLE: 'A' })
  at.move(id, 'C1:NEW')
  await at.idle()
  const moved = to.received.find(one => one.path === '/app')?.form
  assert.deepEqual([moved?.get('data[FIELDS][ID]'), moved?.get('data[FIELDS][CATEGORY_ID]'), moved?.get('data[FIELDS][STAGE_ID]')], [String(id), '1', 'C1:NEW'])
  assert.deepEqual(names(to.received.filter(one => one.path === '/ui')), ['ONCRMDEALADD'])
})

test('installation brings both tokens and the application token, and no handler id', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [{ ...APP, installed: false, handler: to.url }] })
  at.apps.install(APP.client_id)
  await at.idle()
  const form = to.received[0]?.form
  assert.deepEqual([form?.get('event'), form?.get('data[VERSION]'), form?.get('data[INSTALLED]'), form?.get('data[LANGUAGE_ID]')], ['ONAPPINSTALL', '1', 'Y', 'ru'])
  assert.equal(form?.get('event_handler_id'), null)
  assert.equal(form.get('auth[application_token]'), 'app-token')
  assert.equal((await token(at, { grant_type: 'refresh_token', refresh_token: form.get('auth[refresh_token]') ?? '' })).status, 200)
})

test('an app that is not installed yet hears of nothing', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [{ ...APP, handler: to.url }] })
  await call(at, 'event.bind', { event: 'ONCRMDEALADD', handler: to.url }, String((await tokens(at))['access_token']))
  at.create({ TITLE: 'heard' })
  await at.idle()
  at.apps.uninstall(APP.client_id)
  at.create({ TITLE: 'not heard' })
  await at.idle()
  assert.deepEqual(names(to.received), ['ONCRMDEALADD', 'ONAPPUNINSTALL'])
})

test('an update of the app takes its handlers away and brings another application token', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [{ ...APP, handler: to.url }] })
  const access = String((await tokens(at))['access_token'])
  await call(at, 'event.bind', { event: 'ONCRMDEALADD', handler: to.url }, access)
  at.apps.update(APP.client_id)
  await at.idle()
  const form = to.received[0]?.form
  assert.deepEqual([form?.get('event'), form?.get('data[PREVIOUS_VERSION]'), form?.get('data[VERSION]')], ['ONAPPUPDATE', '1', '2'])
  assert.match(form?.get('auth[application_token]') ?? '', /^[0-9a-f]{32}$/)
  assert.deepEqual((await call(at, 'event.get', {}, access)).body['result'], [])
})

test('removal tells the app without OAuth tokens, and its tokens are dead', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [{ ...APP, handler: to.url }] })
  const pair = await tokens(at)
  at.apps.uninstall(APP.client_id, true)
  await at.idle()
  const form = to.received[0]?.form
  assert.deepEqual([form?.get('event'), form?.get('data[CLEAN]'), form?.get('auth[application_token]')], ['ONAPPUNINSTALL', '1', 'app-token'])
  assert.deepEqual([form?.get('auth[access_token]'), form?.get('auth[refresh_token]')], [null, null])
  assert.deepEqual(refusal(await call(at, 'user.current', {}, String(pair['access_token']))), [401, 'NO_AUTH_FOUND'])
  assert.deepEqual(refusal(await token(at, { grant_type: 'refresh_token', refresh_token: String(pair['refresh_token']) })), [400, 'NOT_INSTALLED'])
  at.apps.install(APP.client_id)
  assert.deepEqual(refusal(await call(at, 'user.current', {}, String(pair['access_token']))), [401, 'NO_AUTH_FOUND'])
  assert.deepEqual(refusal(await token(at, { grant_type: 'refresh_token', refresh_token: String(pair['refresh_token']) })), [400, 'invalid_grant'])
})

test('event.test calls the app back with its own parameters', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { apps: [APP] })
  const access = String((await tokens(at))['access_token'])
  await call(at, 'event.bind', { event: 'ONAPPTEST', handler: to.url }, access)
  assert.equal((await call(at, 'event.test', { any: 'data' }, access)).body['result'], 1)
  await at.idle()
  assert.deepEqual([to.received[0]?.form.get('event'), to.received[0]?.form.get('data[QUERY][any]'), to.received[0]?.form.get('data[QUERY][auth]')], ['ONAPPTEST', 'data', null])
})

test('a deal made from a recurring template sends two events', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }] })
  const id = at.createRecurring({ TITLE: 'A' })
  await at.idle()
  assert.deepEqual(names(to.received), ['ONCRMDEALADD', 'ONCRMDEALRECURRINGEXPOSE'])
  assert.equal(to.received[1]?.form.get('data[FIELDS][DEAL_ID]'), String(id))
})
