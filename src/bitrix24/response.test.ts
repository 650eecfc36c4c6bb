import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureClass } from '../domain/transfer/failure.ts'
import type { Reply } from '../platform/outgoing.ts'
import { readBatch, readReply } from './response.ts'
import type { Answer, Fate } from './response.ts'

type Intent = 'read' | 'write'
const reply = (status: number, body: unknown, retryAfterMs: number | null = null): Reply => ({ kind: 'answer', status, contentType: '', retryAfterMs, text: typeof body === 'string' ? body : JSON.stringify(body) })
const told = (answer: Answer | Fate): string => answer.kind === 'failed' ? `${answer.failure.class} ${answer.failure.code}` : answer.kind
const both = (sent: Reply): string[] => (['read', 'write'] as const).map(intent => told(readReply(sent, intent)))
const refused = (status: number, error: unknown, error_description: unknown = 'words'): string[] => both(reply(status, { error, error_description }))

// The vendor's pages of errors, row by row: status, code, and what it means for a read; a write differs where a third stands.
const TABLE: [number, string, FailureClass, FailureClass?][] = [
  [503, 'QUERY_LIMIT_EXCEEDED', 'throttled'], [429, 'OPERATION_TIME_LIMIT', 'throttled'], [503, 'OVERLOAD_LIMIT', 'portal'],
  [500, 'INTERNAL_SERVER_ERROR', 'transient', 'unknown'], [500, 'ERROR_UNEXPECTED_ANSWER', 'transient', 'unknown'],
  [401, 'expired_token', 'portal'], [401, 'invalid_token', 'portal'], [401, 'NO_AUTH_FOUND', 'portal'],
  [403, 'INVALID_CREDENTIALS', 'portal'], [401, 'INVALID_CREDENTIALS', 'portal'], [403, 'insufficient_scope', 'portal'], [401, 'insufficient_scope', 'portal'],
  [403, 'ACCESS_DENIED', 'portal'], [400, 'ACCESS_DENIED', 'permanent'],
  [403, 'user_access_error', 'portal'], [403, 'allowed_only_intranet_user', 'portal'], [401, 'WRONG_AUTH_TYPE', 'portal'], [403, 'ACCESS_ERROR', 'portal'], [403, 'METHOD_CONFIRM_DENIED', 'portal'],
  [401, 'ERROR_OAUTH', 'portal'], [401, 'APPLICATION_NOT_FOUND', 'portal'], [401, 'AUTHORIZATION_ERROR', 'portal'], [401, 'PAYMENT_REQUIRED', 'portal'], [401, 'METHOD_CONFIRM_WAITING', 'portal'],
  [500, 'PORTAL_DELETED', 'portal'], [403, 'PORTAL_DELETED', 'portal'], [410, 'PORTAL_DELETED', 'portal'],
  [400, 'INVALID_REQUEST', 'portal'], [404, 'ERROR_METHOD_NOT_FOUND', 'portal'], [400, 'ERROR_METHOD_NOT_FOUND', 'portal'],
  [400, 'NOT_FOUND', 'missing'],
  [400, 'CRM_FIELD_ERROR_VALUE_NOT_VALID', 'permanent'], [400, 'CRM_FIELD_ERROR_REQUIRED', 'permanent'], [400, 'INVALID_ARG_VALUE', 'permanent'], [400, '100', 'permanent'], [400, 'ERROR_CORE', 'permanent'],
  [400, 'ERROR_ARGUMENT', 'permanent'], [400, 'CREATE_DYNAMIC_ITEM_RESTRICTED', 'permanent'], [400, 'UPDATE_DYNAMIC_ITEM_RESTRICTED', 'permanent'], [400, '-', 'permanent'],
  [400, 'ERROR_BATCH_LENGTH_EXCEEDED', 'permanent'], [400, 'ERROR_BATCH_METHOD_NOT_ALLOWED', 'permanent'],
  [418, 'NEVER_HEARD_OF', 'permanent'], [599, 'NEVER_HEARD_OF', 'transient', 'unknown'], [200, 'WRONG_CLIENT', 'permanent']
]

test('each documented error has its class, in whatever case its code is written', () => {
  assert.equal(TABLE.length, 45)
  for (const [status, code, read, write = read] of TABLE) {
    for (const written of new Set([code, code.toLowerCase(), code.toUpperCase()])) assert.deepEqual(refused(status, written), [`${read} ${written}`, `${write} ${written}`], `${status} ${written}`)
  }
})

test('an empty code is judged by words and status, and a numeric code as text or number is the same', () => {
  assert.deepEqual(refused(400, '', 'Not found'), ['missing http_400', 'missing http_400'])
  for (const words of ['Parameter \'fields\' must be array.', 'ID is not defined or invalid', 'Access denied', 'Disk resource exhausted', 'Invalid value for the "Currency" field']) assert.deepEqual(refused(400, '', words), ['permanent http_400', 'permanent http_400'])
  for (const code of ['100', 100]) assert.deepEqual(refused(400, code), ['permanent 100', 'permanent 100'])
  for (const code of ['0', 0]) assert.deepEqual(refused(500, code), ['transient 0', 'unknown 0'])
})

test('words that are missing, null or not a text do not hide the code', () => {
  for (const words of [undefined, null, 7, {}, []]) assert.deepEqual(refused(503, 'QUERY_LIMIT_EXCEEDED', words), ['throttled QUERY_LIMIT_EXCEEDED', 'throttled QUERY_LIMIT_EXCEEDED'])
})

test('a page of HTML is judged by its status, and a redirect is the portal\'s matter, never followed', () => {
  const page = (status: number): string[] => both(reply(status, '<html><body>Сервис недоступен</body></html>'))
  for (const status of [500, 502, 503, 504]) assert.deepEqual(page(status), [`transient http_${status}`, `unknown http_${status}`])
  for (const status of [301, 302, 307, 401, 403, 410]) assert.deepEqual(page(status), [`portal http_${status}`, `portal http_${status}`])
  assert.deepEqual(page(429), ['throttled http_429', 'throttled http_429'])
  assert.deepEqual(page(200), ['transient no_answer', 'unknown no_answer'])
})

test('200 with anything but a whole envelope is no answer: a read is repeated, a write may have had its effect', () => {
  for (const body of ['', ' ', '{"result":{"item"', '{"result":1}}', 'null', '7', '"ok"', '[]', '{}', '{"time":{}}', { error: { code: 'X' } }]) assert.deepEqual(both(reply(200, body)), ['transient no_answer', 'unknown no_answer'], JSON.stringify(body))
})

test('what was surely not sent is unsent, and what broke off is no answer', () => {
  assert.deepEqual(both({ kind: 'unsent', detail: 'connect ECONNREFUSED' }), ['unsent not_reached', 'unsent not_reached'])
  assert.deepEqual(both({ kind: 'broken', detail: 'other side closed' }), ['transient no_answer', 'unknown no_answer'])
})

test('a result may be of any type, and what is told beside it never spoils it', () => {
  for (const result of [null, [], {}, 5, true, false, '']) assert.deepEqual(readReply(reply(200, { result }), 'write'), { kind: 'ok', result, portalNow: null, time: null })
  for (const time of [[], null, 'x', { start: 'soon', operating: null }]) assert.deepEqual(readReply(reply(200, { result: 1, time }), 'write'), { kind: 'ok', result: 1, portalNow: null, time: null }, JSON.stringify(time))
})

test('the portal\'s clock and its method time come from its own times, so that ours may differ', () => {
  const time = { start: 1000.5, finish: 1001, operating: 3, operating_reset_at: 1601 }
  assert.deepEqual(readReply(reply(200, { result: 1, time }), 'read'), { kind: 'ok', result: 1, portalNow: 1_000_500, time: { operating: 3, resetInMs: 600_000, tookMs: 500 } })
  assert.deepEqual(readReply(reply(200, { result: 1, time: { operating: 3 } }), 'read'), { kind: 'ok', result: 1, portalNow: null, time: { operating: 3, resetInMs: null, tookMs: null } })
})

test('a Retry-After is obeyed within bounds: never asked again at once, never waited for longer than the longest window', () => {
  const wait = (ms: number | null): number | undefined => {
    const answer = readReply(reply(503, { error: 'QUERY_LIMIT_EXCEEDED' }, ms), 'read')
    return answer.kind === 'failed' ? answer.failure.waitMs : undefined
  }
  assert.deepEqual([null, 5000, 0, -9000, 1e15].map(wait), [undefined, 5000, 500, 500, 600_000])
})

const EMPTY = { result: [], result_error: [], result_total: [], result_next: [], result_time: [] }
const fateOf = (result: unknown, key: string, intent: Intent = 'read'): Fate | undefined => readBatch(result, intent)?.(key)

test('a batch whose maps are all empty lists names no command, and a key in neither map is not known', () => {
  assert.deepEqual(fateOf(EMPTY, 'w0'), { kind: 'none' })
  assert.deepEqual(['w1', 'length', 'constructor', '__proto__', 'toString'].map(key => fateOf({ ...EMPTY, result: { w0: 1 } }, key)?.kind), ['none', 'none', 'none', 'none', 'none'])
})

test('numeric keys that PHP turned into lists are found all the same', () => {
  assert.deepEqual(['0', '1', '2'].map(key => fateOf({ ...EMPTY, result: ['a', null] }, key)), [{ kind: 'ok', result: 'a', time: null }, { kind: 'ok', result: null, time: null }, { kind: 'none' }])
})

test('a failed command keeps its class, without a status, whether or not it has a code or words', () => {
  const failing = (error: unknown, intent: Intent = 'read'): string => { const fate = fateOf({ ...EMPTY, result: { x: 1 }, result_error: { w0: error } }, 'w0', intent); return fate === undefined ? '' : told(fate) }
  assert.equal(failing({ error: 'CRM_FIELD_ERROR_VALUE_NOT_VALID', error_description: '' }), 'permanent CRM_FIELD_ERROR_VALUE_NOT_VALID')
  assert.equal(failing({ error: 'OPERATION_TIME_LIMIT' }, 'write'), 'throttled OPERATION_TIME_LIMIT')
  assert.equal(failing({ error: 'QUERY_LIMIT_EXCEEDED', error_description: null }), 'throttled QUERY_LIMIT_EXCEEDED')
  assert.equal(failing({ error: 'ACCESS_DENIED', error_description: 'x' }), 'permanent ACCESS_DENIED')
  assert.deepEqual([failing({ error: '', error_description: 'Not found' }), failing({ error: '', error_description: '' }), failing({ error: 0 }), failing('words')], ['missing http_error', 'permanent http_error', 'permanent 0', 'permanent http_error'])
})

test('an error of the server itself inside a batch hides the effect of a write, as it does outside', () => {
  const result = { ...EMPTY, result_error: { w0: { error: 'INTERNAL_SERVER_ERROR', error_description: '' } } }
  assert.deepEqual((['read', 'write'] as const).map(intent => told(fateOf(result, 'w0', intent) ?? { kind: 'none' })), ['transient INTERNAL_SERVER_ERROR', 'unknown INTERNAL_SERVER_ERROR'])
})

test('a command in both maps has failed, and times that are no times spoil no result', () => {
  assert.equal(fateOf({ ...EMPTY, result: { w0: 1 }, result_error: { w0: { error: 'X' } } }, 'w0')?.kind, 'failed')
  for (const result_time of [[], undefined, { w0: [] }, { w0: { operating: 'x' } }, 'x', null]) assert.deepEqual(fateOf({ ...EMPTY, result: { w0: 1 }, result_time }, 'w0'), { kind: 'ok', result: 1, time: null }, JSON.stringify(result_time))
  assert.deepEqual(fateOf({ ...EMPTY, result: { w0: 1 }, result_time: { w0: { finish: 1, operating: 2, operating_reset_at: 3 } } }, 'w0'), { kind: 'ok', result: 1, time: { operating: 2, resetInMs: 2000, tookMs: null } })
})

test('what has not the shape of a batch is not read as one', () => {
  for (const result of [null, [], {}, 'x', 7, { result: {} }, { result: 'x', result_error: {} }]) assert.equal(readBatch(result, 'read'), undefined, JSON.stringify(result))
})
