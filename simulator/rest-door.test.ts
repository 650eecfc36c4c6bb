import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asReply, call, origin, refusal, testPortal } from './testing.ts'
import type { Reply } from './testing.ts'

const total = (reply: Reply): unknown => reply.body['total']

test('parameters come by query, by form and by JSON, and the body wins over the query', async (t) => {
  const at = await testPortal(t)
  for (const title of ['A', 'B', 'C']) at.create({ TITLE: title })
  const url = `${at.restUrl}crm.item.list`
  assert.equal(total(await asReply(await fetch(`${url}?entityTypeId=2&filter[%3Dtitle]=A`))), 1)
  assert.equal(total(await asReply(await fetch(`${url}.json`, { method: 'POST', body: new URLSearchParams({ entityTypeId: '2', 'filter[@title][0]': 'A', 'filter[@title][1]': 'B' }) }))), 2)
  assert.equal(total(await call(at, 'crm.item.list', { entityTypeId: 2, filter: { '=title': 'C' } })), 1)
  const both = await fetch(`${url}?entityTypeId=2&filter[%3Dtitle]=A`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"filter":{}}' })
  assert.equal(total(await asReply(both)), 3)
})

test('malformed JSON is no parameters: the list comes back unfiltered', async (t) => {
  const at = await testPortal(t)
  for (const title of ['A', 'B']) at.create({ TITLE: title })
  const response = await fetch(`${at.restUrl}crm.deal.list`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"filter":{"TITLE":"A"}' })
  assert.equal(total(await asReply(response)), 2)
})

test('a method is called in any case, and an unknown one is 404 ERROR_METHOD_NOT_FOUND', async (t) => {
  const at = await testPortal(t)
  assert.equal((await call(at, 'User.Current')).status, 200)
  assert.deepEqual(refusal(await call(at, 'crm.nothing')), [404, 'ERROR_METHOD_NOT_FOUND'])
})

test('a plus in a query is a space unless it is written %2B', async (t) => {
  const at = await testPortal(t)
  await fetch(`${at.restUrl}crm.deal.add?fields[TITLE]=a+b%2Bc`)
  assert.equal(at.deals()[0]?.['TITLE'], 'a b+c')
})

test('REST 3.0 answers in its own nested envelope', async (t) => {
  const at = await testPortal(t)
  const { status, body } = await asReply(await fetch(`${origin(at)}/rest/api/${at.restUrl.split('/rest/')[1]}crm.deal.get`, { method: 'POST' }))
  assert.equal(status, 400)
  assert.deepEqual(body, { error: { code: 'BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION', message: 'Method `crm.deal.get` was not found' } })
})

test('a wrong secret, a wrong user and no token at all are 401 NO_AUTH_FOUND and cost no budget', async (t) => {
  const at = await testPortal(t)
  for (const path of ['/rest/1/wrong/user.current', at.restUrl.slice(origin(at).length).replace('/1/', '/2/') + 'user.current', '/rest/user.current', '/other']) {
    assert.deepEqual(refusal(await asReply(await fetch(origin(at) + path))), [401, 'NO_AUTH_FOUND'])
  }
  assert.equal(at.stats().highestLevel, 0)
})

test('a renamed portal answers 302 with the new address', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'auth', mode: 'redirect', to: 'http://127.0.0.1:1', times: 1 })
  const response = await fetch(`${at.restUrl}user.current`, { redirect: 'manual' })
  assert.equal(response.status, 302)
  assert.equal(response.headers.get('location'), `http://127.0.0.1:1${new URL(at.restUrl).pathname}user.current`)
})

test('a deal that the caller may not see is missing in lists without a word and is ACCESS_DENIED by its id', async (t) => {
  const at = await testPortal(t)
  const [seen, unseen] = [at.create({ TITLE: 'A' }), at.create({ TITLE: 'B' })]
  at.hide(unseen)
  assert.equal(total(await call(at, 'crm.item.list', { entityTypeId: 2, filter: { '@id': [seen, unseen] } })), 1)
  assert.equal(total(await call(at, 'crm.deal.list')), 1)
  assert.deepEqual(refusal(await call(at, 'crm.item.get', { entityTypeId: 2, id: unseen })), [400, 'ACCESS_DENIED'])
  assert.deepEqual(refusal(await call(at, 'crm.deal.update', { id: unseen, fields: { TITLE: 'C' } })), [400, ''])
  assert.equal(at.deal(unseen)?.['TITLE'], 'B')
  at.show(unseen)
  assert.equal((await call(at, 'crm.item.get', { entityTypeId: 2, id: unseen })).status, 200)
})

test('lists have pages of 50 with total and next; with start -1 nothing is counted', async (t) => {
  const at = await testPortal(t)
  for (let i = 0; i < 120; i += 1) at.create({ TITLE: String(i) })
  const page = async (start?: number): Promise<[number, unknown, unknown]> => {
    const { body } = await call(at, 'crm.item.list', { entityTypeId: 2, ...(start === undefined ? {} : { start }) })
    return [(body['result'] as { items: unknown[] }).items.length, body['total'], body['next']]
  }
  assert.deepEqual(await page(), [50, 120, 50])
  assert.deepEqual(await page(50), [50, 120, 100])
  assert.deepEqual(await page(100), [20, 120, undefined])
  assert.deepEqual(await page(-1), [50, 0, undefined])
  const { body } = await call(at, 'crm.item.list', { entityTypeId: 2, start: -1, order: { id: 'ASC' }, filter: { '>id': 110 } })
  assert.deepEqual((body['result'] as { items: { id: number }[] }).items.map(({ id }) => id), [111, 112, 113, 114, 115, 116, 117, 118, 119, 120])
})

test('a good answer carries times in seconds and the portal\'s zone', async (t) => {
  const at = await testPortal(t, { zone: '-05:00' })
  const time = (await call(at, 'user.current')).body['time'] as Record<string, unknown>
  assert.deepEqual(Object.keys(time), ['start', 'finish', 'duration', 'processing', 'date_start', 'date_finish', 'operating_reset_at', 'operating'])
  assert.equal(time['date_start'], '2026-03-01T07:00:00-05:00')
})
