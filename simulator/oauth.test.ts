import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APP, asReply, call, origin, refusal, testPortal, token, tokens } from './testing.ts'

test('the authorization page sends the user back with code, state, portal, member, scope and authorization server', async (t) => {
  const at = await testPortal(t, { apps: [APP], domain: 'p.bitrix24.ru' })
  const response = await fetch(`${origin(at)}/oauth/authorize/?client_id=${APP.client_id}&state=s%2F1`, { redirect: 'manual' })
  const back = new URL(response.headers.get('location') ?? '')
  assert.equal(response.status, 302)
  assert.equal(`${back.origin}${back.pathname}`, 'https://app.example/back')
  assert.deepEqual(Object.keys(Object.fromEntries(back.searchParams)), ['x', 'code', 'state', 'domain', 'member_id', 'scope', 'server_domain'])
  assert.equal(back.searchParams.get('state'), 's/1')
  assert.equal(back.searchParams.get('domain'), 'p.bitrix24.ru')
  assert.equal(back.searchParams.get('scope'), 'crm,user')
  assert.equal(back.searchParams.get('server_domain'), 'oauth.bitrix24.tech')
})

test('an app that is not known or not installed gets a page and no redirect', async (t) => {
  const at = await testPortal(t, { apps: [{ ...APP, installed: false }] })
  for (const id of [APP.client_id, 'app.other']) {
    const response = await fetch(`${origin(at)}/oauth/authorize/?client_id=${id}`, { redirect: 'manual' })
    assert.deepEqual([response.status, response.headers.get('content-type')], [400, 'text/html'])
  }
})

test('a code gives a pair of tokens, by GET and by POST form, and works once', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  for (const way of ['GET', 'POST'] as const) {
    const sent = await fetch(`${origin(at)}/oauth/authorize/?client_id=${APP.client_id}`, { redirect: 'manual' })
    const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? ''
    const { status, body } = await token(at, { grant_type: 'authorization_code', code }, way)
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body), ['access_token', 'client_endpoint', 'domain', 'expires_in', 'member_id', 'refresh_token', 'scope', 'server_endpoint', 'status'])
    assert.deepEqual([body['domain'], body['expires_in']], ['oauth.bitrix24.tech', 3600])
    assert.deepEqual(refusal(await token(at, { grant_type: 'authorization_code', code }, way)), [400, 'invalid_grant'])
  }
})

test('a code is dead after 30 seconds', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  const code = async (): Promise<string> => new URL((await fetch(`${origin(at)}/oauth/authorize/?client_id=${APP.client_id}`, { redirect: 'manual' })).headers.get('location') ?? '').searchParams.get('code') ?? ''
  const [early, late] = [await code(), await code()]
  at.advance(29_999)
  assert.equal((await token(at, { grant_type: 'authorization_code', code: early })).status, 200)
  at.advance(1)
  assert.deepEqual(refusal(await token(at, { grant_type: 'authorization_code', code: late })), [400, 'invalid_grant'])
})

test('a refresh gives a new pair with expires and user_id, and the old refresh token dies', async (t) => {
  const at = await testPortal(t, { apps: [APP], user_id: 7 })
  const first = String((await tokens(at))['refresh_token'])
  const { body } = await token(at, { grant_type: 'refresh_token', refresh_token: first })
  assert.notEqual(body['refresh_token'], first)
  assert.equal(body['user_id'], 7)
  assert.equal(body['expires'], Date.parse('2026-03-01T13:00:00Z') / 1000)
  assert.deepEqual(refusal(await token(at, { grant_type: 'refresh_token', refresh_token: first })), [400, 'invalid_grant'])
  assert.equal((await token(at, { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) })).status, 200)
})

test('a wrong client is answered WRONG_CLIENT with HTTP 200, a wrong secret invalid_client, no grant invalid_request', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  assert.deepEqual(refusal(await token(at, { grant_type: 'refresh_token', client_id: 'app.other' })), [200, 'WRONG_CLIENT'])
  assert.deepEqual(refusal(await token(at, { grant_type: 'refresh_token', client_secret: 'other' })), [401, 'invalid_client'])
  assert.deepEqual(refusal(await token(at, {})), [400, 'invalid_request'])
})

test('an access token works in body and query for an hour and is then expired_token 401', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  const access = String((await tokens(at))['access_token'])
  assert.equal((await call(at, 'user.current', {}, access)).status, 200)
  assert.equal((await fetch(`${origin(at)}/rest/user.current?auth=${access}`)).status, 200)
  at.advance(3_599_999)
  assert.equal((await call(at, 'user.current', {}, access)).status, 200)
  at.advance(1)
  assert.deepEqual(refusal(await call(at, 'user.current', {}, access)), [401, 'expired_token'])
  assert.deepEqual(refusal(await call(at, 'user.current', {}, 'made-up')), [401, 'NO_AUTH_FOUND'])
})

test('the token is no parameter of the method, and the app works with its own scopes', async (t) => {
  const at = await testPortal(t, { apps: [{ ...APP, scope: ['user_basic'] }] })
  const access = String((await tokens(at))['access_token'])
  assert.equal((await call(at, 'user.current', {}, access)).status, 200)
  assert.deepEqual(refusal(await call(at, 'crm.deal.list', {}, access)), [403, 'insufficient_scope'])
  const query = new URLSearchParams({ grant_type: 'refresh_token', client_id: APP.client_id, client_secret: APP.client_secret, refresh_token: access })
  assert.deepEqual(refusal(await asReply(await fetch(`${origin(at)}/oauth/token/?${query.toString()}`))), [400, 'invalid_grant'])
})

test('faults of the authorization server: a dead refresh token, an unpaid plan, an answer that is lost after the change', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  const first = String((await tokens(at))['refresh_token'])
  const refresh = (): ReturnType<typeof token> => token(at, { grant_type: 'refresh_token', refresh_token: first })
  for (const [mode, status, error] of [['invalid_grant', 400, 'invalid_grant'], ['payment_required', 403, 'PAYMENT_REQUIRED'], ['not_installed', 400, 'NOT_INSTALLED'], ['wrong_client', 200, 'WRONG_CLIENT'], ['500', 500, 'INTERNAL_SERVER_ERROR']] as const) {
    at.fault({ where: 'oauth', mode, method: 'oauth.token', times: 1 })
    assert.deepEqual(refusal(await refresh()), [status, error])
  }
  at.fault({ where: 'oauth', mode: 'lost', times: 1 })
  await assert.rejects(refresh())
  assert.deepEqual(refusal(await refresh()), [400, 'invalid_grant'])
})
