import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { countCompares } from '../../test/support/compares.ts'
import { FORM, KEY, formCall, jsonCall, openIngest } from '../../test/support/ingest-room.ts'
import type { Call, IngestRoom } from '../../test/support/ingest-room.ts'

const ROBOT = '/webhook/bitrix24/secret-beta/robot'
const auth = (more: object): object => ({ auth: { domain: 'acme.bitrix24.ru', application_token: 'tok-new', ...more } })

/** Each way to be a stranger, at each door where it can be one. */
const STRANGERS: Record<string, Call> = {
  'wrong key': jsonCall({}, { 'x-api-key': 'x'.repeat(32) }),
  'no key': jsonCall({}, { 'x-api-key': '' }),
  'wrong key and token': jsonCall(auth({ application_token: 'x' }), { 'x-api-key': 'x'.repeat(32) }),
  'wrong key and no domain': jsonCall({ auth: {} }, { 'x-api-key': 'x' }),
  'wrong key and no JSON': jsonCall('{', { 'x-api-key': 'x' }),
  'wrong key and a form': { ...formCall({ 'auth[domain]': '' }, '/webhook/deal'), headers: { 'content-type': FORM, 'x-api-key': 'x' } },
  'key, wrong token': jsonCall(auth({ application_token: 'x' })),
  'key, token of nobody': jsonCall(auth({ application_token: '' })),
  'key, foreign domain': jsonCall(auth({ domain: 'foreign.bitrix24.ru' })),
  'key, pinned member_id': jsonCall(auth({ domain: 'beta.bitrix24.ru', member_id: 'x' })),
  'wrong secret': formCall({}, '/webhook/bitrix24/secret-nobody'),
  'secret, no token': formCall({ 'auth[application_token]': '' }),
  'secret, wrong token': formCall({ 'auth[application_token]': 'x' }),
  'secret, foreign domain': formCall({ 'auth[domain]': 'evilbitrix24.ru' }),
  'secret, pinned member_id': formCall({ 'auth[member_id]': 'x', 'auth[domain]': 'beta.bitrix24.ru' }, '/webhook/bitrix24/secret-beta'),
  'wrong secret, no form': { ...formCall({}, '/webhook/bitrix24/x'), payload: '&'.repeat(300) },
  'robot, wrong secret': formCall({ 'document_id[2]': 'DEAL_5' }, '/webhook/bitrix24/x/robot'),
  'robot by GET, wrong secret': { method: 'GET', url: '/webhook/bitrix24/x/robot?deal_id=5', headers: {} },
  'robot, foreign domain': formCall({ 'document_id[2]': 'DEAL_5', 'auth[domain]': 'x.org' }, ROBOT),
  'robot, pinned member_id': formCall({ 'document_id[2]': 'DEAL_5', 'auth[member_id]': 'x' }, ROBOT)
}
/** Answered before a body was read, or at an address that is none of ours: the same bytes, but there is nothing to compare. */
const OUTSIDE: Record<string, Call> = {
  'wrong key, too large': jsonCall('x'.repeat(300_000), { 'x-api-key': 'x' }),
  'wrong secret, wrong media type': { ...formCall({}, '/webhook/bitrix24/x'), headers: { 'content-type': 'text/plain' } },
  'wrong key, compressed': jsonCall({}, { 'x-api-key': 'x', 'content-encoding': 'gzip' }),
  'secret of 300 letters': formCall({}, `/webhook/bitrix24/${'x'.repeat(300)}`),
  'two parts for a secret': formCall({}, '/webhook/bitrix24/secret-acme/x'),
  'no secret': formCall({}, '/webhook/bitrix24/'),
  'a secret that cannot be decoded': formCall({}, '/webhook/bitrix24/%ff'),
  'transfer, wrong key': { ...jsonCall('{"portal":"acme","deal_id":9}', { 'x-api-key': 'x' }), url: '/v1/transfers' },
  'transfers, wrong key': { ...jsonCall('{"items":[{"portal":"acme","deal_id":9}]}', { 'x-api-key': 'x' }), url: '/v1/transfers/batch' }
}

/** What a caller sees, to the byte, but the time of day. */
function seen (answer: LightMyRequestResponse): string {
  return [`${answer.statusCode} ${answer.statusMessage}`, ...Object.entries(answer.headers).filter(([name]) => name !== 'date').map(([name, value]) => `${name}: ${String(value)}`), '', answer.body].join('\n')
}
const EXPECTED = '401 Unauthorized\ncontent-type: application/problem+json; charset=utf-8\ncontent-length: 58\nconnection: keep-alive\n\n{"type":"about:blank","title":"Unauthorized","status":401}'
async function errors (room: IngestRoom): Promise<number> {
  return Number(/webhook_errors_total\{error_type="authentication"\} (\d+)/.exec(await room.registry.metrics())?.[1] ?? 0)
}

test('whatever credential is wrong, at whatever door, status, headers and body are the same to the byte, and nothing is appended', async (t) => {
  const room = openIngest(t)
  for (const [name, call] of Object.entries(STRANGERS)) assert.equal(seen(await room.app.inject(call)), EXPECTED, name)
  // A body that is not read to its end ends the connection, too.
  const rest = (text: string): string => text.replace(/\nconnection: [a-z-]+/, '')
  for (const [name, call] of Object.entries(OUTSIDE)) assert.equal(rest(seen(await room.app.inject(call))), rest(EXPECTED), name)
  assert.equal(room.events.length, 0)
  assert.equal(await errors(room), Object.keys(STRANGERS).length + Object.keys(OUTSIDE).length)
  const lines = room.said().trim().split('\n')
  assert.ok(lines.every(line => line.includes('"webhook_refused"')) && lines.length === await errors(room))
  assert.doesNotMatch(room.said(), /tok-new|secret-acme|evilbitrix|xxxx/)
})

test('whatever credential is wrong, the same work is done: two digests and two comparisons in constant time', async (t) => {
  const { app } = openIngest(t)
  const compares = countCompares(t)
  for (const [name, call] of Object.entries(STRANGERS)) {
    const work = await compares.during(async () => { assert.equal((await app.inject(call)).statusCode, 401, name) })
    assert.deepEqual(work, { digests: 2, compared: 2 }, name)
  }
})

test('a caller that is known is told what is wrong with its body', async (t) => {
  const { app, events } = openIngest(t)
  const calls: [number, string, Call][] = [
    [400, 'the body is not an object of the documented shape', jsonCall('{')], [400, 'the body is not an object of the documented shape', jsonCall('')],
    [400, 'the body is not an object of the documented shape', jsonCall('{"auth":7}')], [400, 'auth.domain is missing', jsonCall('{}')],
    [400, 'the body is not an object of the documented shape', jsonCall(`{"a":${'['.repeat(30)}${']'.repeat(30)}}`)], [400, 'the body is not an object of the documented shape', jsonCall(`{"a":[${'1,'.repeat(2000)}1]}`)],
    [400, 'data.FIELDS.ID is not the id of a deal', jsonCall({ data: { FIELDS: { ID: 'x' } } })], [400, 'event is missing or not a text', jsonCall({ event: {} })],
    [400, 'the body is not a form of the documented shape', { ...formCall(), payload: 'auth[domain]=a&auth[domain]=b' }], [400, 'data.FIELDS.ID is not the id of a deal', formCall({ 'data[FIELDS][ID]': '' })],
    [400, 'neither document_id nor deal_id', formCall({}, ROBOT.replace('beta', 'acme'))], [400, 'the request is malformed', { ...jsonCall(), url: '/%ff' }],
    [400, 'items is not a list of 1 to 50', { ...jsonCall('{"items":[]}'), url: '/v1/transfers/batch' }], [400, 'the body is not a JSON object', { ...jsonCall('7'), url: '/v1/transfers' }],
    [400, 'portal is not the name of a configured portal', { ...jsonCall('{"portal":"x","deal_id":1}'), url: '/v1/transfers' }],
    [413, 'the body is larger than 256 KB', jsonCall('x'.repeat(256 * 1024 + 1))], [413, 'the body is larger than 256 KB', { ...formCall(), payload: 'x'.repeat(256 * 1024 + 1) }],
    ...['text/plain', 'multipart/form-data; boundary=x', 'application/xml', 'application/jsonx', 'application/json, text/plain', 'x'].map((type): [number, string, Call] => [415, 'only application/json and application/x-www-form-urlencoded, not compressed', jsonCall({}, { 'content-type': type })]),
    [415, 'only application/json and application/x-www-form-urlencoded, not compressed', jsonCall({}, { 'content-encoding': 'gzip' })],
    [404, '', { ...jsonCall(), url: '/webhook' }], [404, '', { method: 'GET', url: '/webhook/deal', headers: { 'x-api-key': KEY } }]
  ]
  for (const [status, detail, call] of calls) {
    const answer = await app.inject(call)
    const name = `${call.url} ${String(call.payload).slice(0, 60)} ${call.headers['content-type'] ?? ''}`
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8', name)
    assert.deepEqual(answer.json(), { type: 'about:blank', title: answer.statusMessage.replace('Payload Too Large', 'Content Too Large'), status, ...detail === '' ? {} : { detail } }, name)
    assert.equal(answer.statusCode, status, name)
  }
  assert.equal(events.length, 0)
})

test('a charset, capitals and spaces in the content type are fine', async (t) => {
  const { app } = openIngest(t)
  for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=windows-1251']) assert.equal((await app.inject(jsonCall({}, { 'content-type': type }))).statusCode, 200, type)
  for (const type of [`${FORM}; charset=UTF-8`, FORM.toUpperCase()]) assert.equal((await app.inject({ ...formCall(), headers: { 'content-type': type } })).statusCode, 200, type)
})

test('a form with bytes of another encoding is taken, since it names its deal all the same', async (t) => {
  const { app, events } = openIngest(t)
  const payload = Buffer.concat([Buffer.from(`${String(formCall().payload)}&data[FIELDS][STAGE_ID]=%CF%F0%E8&title=`), Buffer.from([0xcf, 0xf0, 0xe8, 0xc3, 0x28, 0xff, 0x00])])
  assert.equal((await app.inject({ ...formCall(), payload })).statusCode, 200)
  assert.equal(events.length, 1)
})

test('a member_id is pinned by the first good call alone, and then another is a stranger at every door', async (t) => {
  const { app, events } = openIngest(t)
  const by = (memberId: string, more = {}): Call => formCall({ 'auth[member_id]': memberId, ...more })
  assert.equal((await app.inject(by('evil', { 'auth[application_token]': 'x' }))).statusCode, 401)
  assert.equal((await app.inject(by('true'))).statusCode, 200)
  for (const call of [by('evil'), jsonCall(auth({ member_id: 'evil' })), by('evil', { 'document_id[2]': 'DEAL_5' })]) assert.equal((await app.inject(call)).statusCode, 401)
  assert.equal((await app.inject(jsonCall(auth({ member_id: 'true' })))).statusCode, 200)
  assert.equal(events.length, 2)
})
