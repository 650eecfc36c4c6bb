import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './json.ts'

const nest = (depth: number, open = '{"a":', close = '}'): string => open.repeat(depth - 1) + '{}' + close.repeat(depth - 1)
const members = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`

test('16 levels are read and 17 are refused, of objects, arrays and both', () => {
  assert.notEqual(parseJson(nest(16)), null)
  assert.equal(parseJson(nest(17)), null)
  assert.notEqual(parseJson(`{"a":${'['.repeat(15)}${']'.repeat(15)}}`), null)
  assert.equal(parseJson(`{"a":${'['.repeat(16)}${']'.repeat(16)}}`), null)
})

test('brackets, commas and escaped quotes within a text are no structure', () => {
  const text = `${'[{,'.repeat(2000)}\\"${'[{,'.repeat(2000)}\\\\`
  assert.equal(parseJson(`{"a":"${text}"}`)?.['a'], JSON.parse(`"${text}"`))
})

test('about a thousand members or elements are read and more are refused', () => {
  assert.equal(Object.keys(parseJson(members(1001)) ?? {}).length, 1001)
  assert.equal(parseJson(members(1002)), null)
  assert.equal(parseJson(`{"items":[${'0,'.repeat(1001)}0]}`), null)
})

test('a bomb as large as a body may be is refused before it is built', () => {
  const began = performance.now()
  for (const bomb of ['[', '{"a":', '[[],', '{"a":1,', '"\\"', '\\', ',']) assert.equal(parseJson(bomb.repeat(256 * 1024 / bomb.length)), null, bomb)
  assert.ok(performance.now() - began < 2000, `${performance.now() - began} ms`)
})

test('what is not an object is refused: another kind, half a document, two documents, a byte order mark', () => {
  for (const text of ['', ' ', 'null', 'true', '7', '"a"', '[]', '[{}]', '{', '{"a"}', '{"a":1,}', '{}{}', '{"a":NaN}', '{\'a\':1}', '\ufeff{}', '{"a":"\n"}', '}', '{"a":1e}', '\u0000']) assert.equal(parseJson(text), null, JSON.stringify(text))
})

test('of a repeated member the last one counts', () => {
  assert.deepEqual(parseJson('{"a":1,"a":2}'), { a: 2 })
})

test('prototype members change no prototype', () => {
  const body = parseJson('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.equal((body as { polluted?: number } | null)?.polluted, undefined)
  assert.ok(body !== null && Object.hasOwn(body, '__proto__'))
})
