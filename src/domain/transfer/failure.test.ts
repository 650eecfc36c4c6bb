import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { classifyError } from './failure.ts'
import type { FailureClass } from './failure.ts'

const classOf = (status: number | null, code: string, text = ''): FailureClass => classifyError(status, code, text).class

test('a code decides before the status does, in whatever case it is written', () => {
  const known: [number | null, string, FailureClass][] = [[200, 'QUERY_LIMIT_EXCEEDED', 'throttled'], [null, 'OPERATION_TIME_LIMIT', 'throttled'], [500, 'OVERLOAD_LIMIT', 'portal'], [400, 'NOT_FOUND', 'missing'], [400, 'INTERNAL_SERVER_ERROR', 'transient'], [500, 'insufficient_scope', 'portal']]
  for (const [status, code, kind] of known) {
    for (const written of [code, code.toLowerCase(), code.toUpperCase(), `${code.slice(0, 1).toUpperCase()}${code.slice(1).toLowerCase()}`]) assert.equal(classOf(status, written), kind, `${status} ${written}`)
  }
})

test('an unknown code is judged by its status: 5xx transient, 429 throttled, a credential\'s status and a redirect portal-wide, any other 4xx permanent', () => {
  const kinds = new Map<number, FailureClass>([[429, 'throttled'], [401, 'portal'], [403, 'portal'], [410, 'portal']])
  const unknown = fc.stringMatching(/^[A-Z]{3,12}_NEVER_HEARD_OF$/)
  fc.assert(fc.property(fc.integer({ min: 300, max: 599 }), fc.oneof(unknown, fc.constantFrom('', '0', '100')), (status, code) => {
    const expected = kinds.get(status) ?? (status >= 500 ? 'transient' : status < 400 ? 'portal' : 'permanent')
    return classOf(status, code) === expected
  }))
})

test('ACCESS_DENIED is a matter of the plan with 403 or 401, and of one record with 400 or inside a batch', () => {
  assert.deepEqual(([403, 401, 400, null] as const).map(status => classOf(status, 'ACCESS_DENIED')), ['portal', 'portal', 'permanent', 'permanent'])
})

test('an empty code with the words "not found" is a record that is gone, and with other words it is permanent', () => {
  assert.deepEqual([classOf(400, '', 'Not found'), classOf(null, '', 'Deal not found'), classOf(400, '', 'ID is not defined or invalid'), classOf(400, '100', 'Not found')], ['missing', 'missing', 'permanent', 'permanent'])
})

test('the detail is plain text of bounded length, and so is the code, whatever the portal wrote', () => {
  assert.equal(classifyError(400, 'ERROR_CORE', 'Bad <b>value</b><br>').detail, 'ERROR_CORE: Bad  value  ')
  assert.deepEqual([classifyError(502, '', 'x').code, classifyError(null, '', 'x').code], ['http_502', 'http_error'])
  const long = classifyError(400, 'x'.repeat(100_000), 'y'.repeat(100_000))
  assert.ok(long.code.length <= 100 && long.detail.length <= 410, `${long.code.length} ${long.detail.length}`)
})

test('a text made to be slow to clean costs no time', () => {
  const started = performance.now()
  classifyError(400, 'X', '<'.repeat(100_000))
  assert.ok(performance.now() - started < 500)
})
