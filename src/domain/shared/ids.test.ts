import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dealKey, isDealId } from './ids.ts'

test('an id is one to nineteen digits without a leading zero, and stays a text past 2^53', () => {
  for (const id of ['1', '7405', '9007199254740993', '9999999999999999999']) assert.equal(isDealId(id), true, id)
})

test('zero, signs, spaces, line ends, other digits than 0 to 9, exponents and longer texts are no id', () => {
  const wrong = ['', '0', '00', '07', '-1', '+1', ' 1', '1 ', '1\n', '\n1', '1\u0000', '1.0', '1e3', '0x1', '1,2', '١٢', '１', '1２', '²', '𝟏', '10000000000000000000', 'NaN', 'Infinity']
  for (const id of wrong) assert.equal(isDealId(id), false, JSON.stringify(id))
})

test('every whole number from one on is an id as it is written, and an id names one number', () => {
  fc.assert(fc.property(fc.bigInt({ min: 1n, max: 10n ** 19n - 1n }), number => isDealId(String(number))))
  fc.assert(fc.property(fc.string(), text => !isDealId(text) || String(BigInt(text)) === text))
})

test('two deals never share a key, since no portal\'s name holds a colon', () => {
  const portal = fc.stringMatching(/^[a-z0-9_-]{1,8}$/)
  const id = fc.bigInt({ min: 1n, max: 10n ** 19n - 1n }).map(String)
  fc.assert(fc.property(portal, id, portal, id, (p, a, q, b) => (dealKey(p, a) === dealKey(q, b)) === (p === q && a === b)))
})
