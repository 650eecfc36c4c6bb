import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventually } from '../../test/support/eventually.ts'
import { FORM, KEY, formCall, jsonCall, openIngest } from '../../test/support/ingest-room.ts'
import type { Call, IngestRoom } from '../../test/support/ingest-room.ts'

const SEED = 20261124
const CANARIES = ['canary-access-5f1e', 'canary-refresh-77aa', 'tok-new', KEY, 'secret-acme']
const STATUSES = new Set([200, 202, 400, 401, 404, 413, 415])

const json = jsonCall({ auth: { domain: 'acme.bitrix24.ru', application_token: 'tok-new', access_token: CANARIES[0], refresh_token: CANARIES[1] } })
const form = formCall({ 'auth[access_token]': CANARIES[0] ?? '', 'auth[refresh_token]': CANARIES[1] ?? '', 'data[FIELDS][STAGE_ID]': 'C1:NEW' })
const GOOD: Call[] = [
  json, form, { ...form, url: '/webhook/deal', headers: { 'content-type': FORM, 'x-api-key': KEY } },
  { ...formCall({ 'document_id[0]': 'crm', 'document_id[2]': 'DEAL_5', 'auth[access_token]': CANARIES[0] ?? '' }), url: '/webhook/bitrix24/secret-acme/robot' },
  { ...json, url: '/v1/transfers', payload: '{"portal":"acme","deal_id":9}' }, { ...json, url: '/v1/transfers/batch', payload: '{"items":[{"portal":"acme","deal_id":9}]}' }
]
const SPITE = ['__proto__', 'constructor', 'prototype', '[__proto__]', '"__proto__":{"x":1},', '%', '%zz', '%00', '\0', '\r\n', '\u2028', '\u001b[31m', '[', ']', '{', '}', '[[[[[[', '{"a":'.repeat(40), '&', '&'.repeat(300), '=', '"', '\\', ',', '0', '-1', '1e999', '9'.repeat(400), 'null', 'true', '[]', '{}', '７', '\ud800',
  'data[FIELDS][ID]=8&', '&data=1', '&auth=1', '&auth[domain]=x', '"auth":7,', '"data":[],', '"event":null,', '${jndi:ldap://x}', '\'; drop table deal; --', '$result[0]', '../../etc/passwd', 'ONCRMDEALADD', 'x'.repeat(5000), '\ufeff']
const TYPES = ['application/json', 'application/json; charset=windows-1251', FORM, `${FORM};charset=x`, 'text/plain', 'application/jsonx', 'multipart/form-data; boundary=x', '', '*/*', 'application/json\u00e9']
const URLS = ['/webhook/deal', '/webhook/deal?event=ONCRMDEALADD', '/webhook/bitrix24/secret-acme', '/webhook/bitrix24/secret-acme/robot', '/webhook/bitrix24/secret-acme/robot?deal_id=5&__proto__[x]=1', `/webhook/bitrix24/secret-acme/robot?${'a[]=1&'.repeat(300)}`, '/webhook/bitrix24/nobody', '/webhook/bitrix24/%ff', '/webhook/bitrix24/__proto__', '/webhook/bitrix24/secret-acme%00', '/v1/transfers', '/v1/transfers/batch', '/v1/%', '/']

/** One wound: at a place, this many bytes are taken away and these put there. */
const wound = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(400)), put: fc.oneof(fc.constant(Buffer.alloc(0)), fc.constantFrom(...SPITE).map(text => Buffer.from(text)), fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes))) })
/** Mostly what a good caller sends with a few wounds; seldom another address, type or key, or a body that is chance alone. */
const call: fc.Arbitrary<Call> = fc.record({
  good: fc.constantFrom(...GOOD), wounds: fc.array(wound, { maxLength: 4 }), body: fc.option(fc.oneof(fc.json().map(text => Buffer.from(text)), fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))), { freq: 6 }),
  url: fc.option(fc.constantFrom(...URLS), { freq: 4 }), type: fc.option(fc.constantFrom(...TYPES), { freq: 4 }), key: fc.option(fc.constantFrom('', 'x', 'x'.repeat(9000), '__proto__', KEY), { freq: 4 }), method: fc.constantFrom('POST', 'POST', 'POST', 'GET')
}).map(({ good, wounds, body, url, type, key, method }): Call => {
  const payload = wounds.reduce((bytes, { at, cut, put }) => {
    const from = Math.floor(at * bytes.length)
    return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)])
  }, body ?? Buffer.from(good.payload ?? ''))
  const headers = { ...good.headers, ...type === null ? {} : { 'content-type': type }, ...key === null ? {} : { 'x-api-key': key } }
  return { method: method, url: url ?? good.url, headers, ...method === 'POST' ? { payload } : {} }
})

async function refusedOrTaken (room: IngestRoom, hostile: Call): Promise<number> {
  const before = room.events.length
  const answer = await room.app.inject(hostile)
  const { statusCode, headers } = answer
  assert.ok(STATUSES.has(statusCode), `${statusCode} ${answer.body}`)
  if (statusCode >= 400) {
    assert.equal(headers['content-type'], 'application/problem+json; charset=utf-8')
    assert.equal(answer.json<{ status: number }>().status, statusCode)
    assert.equal(room.events.length, before, 'something was appended for a refused one')
  }
  for (const canary of CANARIES) assert.ok(!answer.body.includes(canary), answer.body)
  return statusCode
}

test('1500 hostile requests each get a documented answer, append nothing when refused, and spill no secret', async (t) => {
  // Without claims each one that is taken is appended: nothing hides behind a duplicate.
  const room = openIngest(t, { claims: null })
  const counts = new Map<number, number>()
  for (const good of GOOD) await refusedOrTaken(room, good)
  assert.equal(room.events.length, GOOD.length)
  await fc.assert(fc.asyncProperty(call, async (hostile) => {
    const status = await refusedOrTaken(room, hostile)
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }), { seed: SEED, numRuns: 1500 })
  // A corpus that is refused at the door tests no parser.
  for (const status of [200, 400, 401, 415]) assert.ok((counts.get(status) ?? 0) >= 40, JSON.stringify([...counts]))
  const written = room.said() + JSON.stringify(room.events, (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value)
  assert.ok(room.said().includes('webhook_refused'))
  for (const canary of CANARIES) assert.ok(!written.includes(canary), canary)
  assert.deepEqual(Object.keys(Object.prototype), [])
  assert.equal((await room.app.inject(json)).statusCode, 200)
})

test('a line of the log stays one line, whatever a caller writes', async (t) => {
  const room = openIngest(t)
  for (const spite of ['\r\n{"level":"ERROR"}', '\u2028', '\u001b[31m', '\0']) {
    await room.app.inject(jsonCall({ event: `ONCRMDEALADD${spite}`, auth: { domain: `x${spite}.bitrix24.ru`, member_id: spite } }))
    await room.app.inject(formCall({ 'auth[domain]': `x${spite}` }))
  }
  const lines = room.said().trim().split('\n')
  assert.equal(lines.length, 8)
  for (const line of lines) assert.equal((JSON.parse(line) as { event: string }).event, 'webhook_refused')
  assert.doesNotMatch(room.said(), /[\u0000-\u0009\u000b-\u001f\u2028]/)
})

/** What comes back on a connection of its own. */
async function raw (port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  let said = ''
  socket.on('data', (chunk: Buffer) => { said += chunk.toString() })
  socket.on('error', () => undefined)
  socket.write(bytes)
  await eventually(() => socket.destroyed || said.includes('"status":'), { deadlineMs: 5000 })
  socket.destroy()
  return said
}

test('what is no HTTP request gets a problem document that repeats nothing of it, and the next caller is served', async (t) => {
  const room = openIngest(t)
  const { port } = await room.ingest.start()
  const head = 'POST /webhook/deal HTTP/1.1\r\nhost: x\r\n'
  const broken: [number, string][] = [
    [400, 'canary\r\n\r\n'], [400, 'POST /canary HTTP/9.9\r\n\r\n'], [400, `${head}canary\r\n\r\n`], [400, `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    [400, `${head}content-length: canary\r\n\r\n`], [400, `${head}x: canary\nz: 1\r\n\r\n`], [400, 'POST /webhook/deal HTTP/1.1\r\n\r\n'], [431, `${head}x-api-key: ${'canary'.repeat(4000)}\r\n\r\n`]
  ]
  for (const [status, bytes] of broken) {
    const said = await raw(port, bytes)
    assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `), bytes.slice(0, 80))
    assert.doesNotMatch(said, /canary/)
    if (bytes.includes('host')) assert.match(said, /content-type: application\/problem\+json; charset=utf-8\r\n/)
  }
  assert.doesNotMatch(room.said(), /canary/)
  const good = String(json.payload)
  assert.match(await raw(port, `${head}x-api-key: ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(good)}\r\n\r\n${good}`), /^HTTP\/1\.1 200 /)
  assert.equal(room.events.length, 1)
})
