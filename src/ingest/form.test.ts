import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseForm } from './form.ts'

const read = (text: string): unknown => JSON.parse(JSON.stringify(parseForm(text)))
const many = (count: number, name: (index: number) => string): string => Array.from({ length: count }, (_, index) => `${name(index)}=1`).join('&')

test('the form of a portal is read with its nesting, whether brackets are percent-encoded or not', () => {
  const nested = { event: 'ONCRMDEALUPDATE', data: { FIELDS: { ID: '7405' } }, auth: { domain: 'a.bitrix24.ru' } }
  assert.deepEqual(read('event=ONCRMDEALUPDATE&data%5BFIELDS%5D%5BID%5D=7405&auth%5Bdomain%5D=a.bitrix24.ru'), nested)
  assert.deepEqual(read('event=ONCRMDEALUPDATE&data[FIELDS][ID]=7405&auth[domain]=a.bitrix24.ru'), nested)
  assert.deepEqual(read('a+b=c+d%20e'), { 'a b': 'c d e' })
})

test('200 fields are read and 201 are refused, not cut', () => {
  assert.equal(Object.keys(parseForm(many(200, i => `k${i}`)) ?? {}).length, 200)
  assert.equal(parseForm(many(201, i => `k${i}`)), null)
  assert.equal(parseForm('&'.repeat(200)), null)
})

test('a form as large as a body may be is done with at once, whatever sign it is made of', () => {
  const began = performance.now()
  for (const bomb of ['&', '[', ']', '=', '[]', '%', '[a]', '.', '%5B']) parseForm(bomb.repeat(256 * 1024 / bomb.length))
  assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`)
})

test('four levels of nesting are read and five are refused', () => {
  assert.deepEqual(read('a[b][c][d][e]=1'), { a: { b: { c: { d: { e: '1' } } } } })
  assert.equal(parseForm('a[b][c][d][e][f]=1'), null)
  assert.equal(parseForm(`a${'[b]'.repeat(50000)}=1`), null)
})

test('an array comes with indexes, without them or by a repeated key, and 21 elements are refused', () => {
  for (const text of ['d[0]=x&d[1]=y', 'd[]=x&d[]=y', 'd=x&d=y', 'd%5B%5D=x&d%5B%5D=y']) assert.deepEqual(read(text), { d: ['x', 'y'] }, text)
  for (const name of [(i: number) => `d[${i}]`, () => 'd[]', () => 'd']) {
    assert.equal((read(many(20, name)) as { d: unknown[] }).d.length, 20)
    assert.equal(parseForm(many(21, name)), null)
  }
  assert.equal(parseForm('d[100000000]=x'), null)
})

test('a repeated key is an array, never the first or the last value alone', () => {
  assert.deepEqual(read('data[FIELDS][ID]=7&data[FIELDS][ID]=8'), { data: { FIELDS: { ID: ['7', '8'] } } })
})

test('prototype keys change no prototype, and objects have none', () => {
  for (const text of ['__proto__[polluted]=1', 'a[__proto__][polluted]=1', '__proto__=1', 'constructor[prototype][polluted]=1', 'a[constructor][prototype][polluted]=1', '[__proto__][polluted]=1', '__proto__[]=1', '%5F_proto__[polluted]=1']) {
    const form = parseForm(text)
    assert.equal(Object.getPrototypeOf(form), null, text)
    assert.equal(({} as { polluted?: string }).polluted, undefined, text)
    assert.equal(form?.['polluted'], undefined, text)
  }
  assert.deepEqual(Object.keys(parseForm('hasOwnProperty=1&toString=2') ?? {}), ['hasOwnProperty', 'toString'])
})

test('a percent sign that stands for nothing, and bytes of CP1251, stay as they were sent and spoil no neighbour', () => {
  for (const value of ['%', '%z', '%zz', '%2', '%CF%F0%E8', '%C3%28', '%ED%A0%80', '%u0041']) assert.deepEqual(read(`a=${value}&b=%D0%B4`), { a: value, b: 'д' }, value)
})

test('nothing, and signs alone, are an empty form; a name without a value is an empty text', () => {
  for (const text of ['', '&', '=', '&&&', '=1']) assert.deepEqual(read(text), {}, text)
  assert.deepEqual(read('a&b='), { a: '', b: '' })
})
