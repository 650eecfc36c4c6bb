import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSecretBook } from './credentials.ts'
import { countCompares } from '../../test/support/compares.ts'

const SECRETS = [['first', 'a'], ['second', 'a'], ['third', 'b']] as const

test('each of several secrets opens its own thing, two may open the same, and everything else opens nothing', () => {
  const book = createSecretBook(SECRETS)
  assert.deepEqual(['first', 'second', 'third'].map(secret => book.find(secret)), ['a', 'a', 'b'])
  for (const wrong of ['', 'firs', 'firstt', 'First', 'first ', 'first\0', 'fîrst', '\0'.repeat(32), 'x'.repeat(100_000)]) assert.equal(book.find(wrong), null, wrong.slice(0, 20))
})

test('an empty book opens nothing', () => {
  assert.equal(createSecretBook([]).find(''), null)
})

test('one digest and one comparison in constant time are made, for a right secret, a wrong one and in an empty book', async (t) => {
  const compares = countCompares(t)
  const book = createSecretBook(SECRETS)
  const empty = createSecretBook<string>([])
  for (const find of [() => book.find('first'), () => book.find('third'), () => book.find('wrong'), () => book.find(''), () => empty.find('first')]) {
    assert.deepEqual(await compares.during(find), { digests: 1, compared: 1 })
  }
})
