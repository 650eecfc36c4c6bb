import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRecord, scanRecords } from './record.ts'

const texts = ['{"a":1}', 'ж'.repeat(300), 'x']
const whole = Buffer.concat(texts.map(text => encodeRecord(Buffer.from(text))))
const read = (bytes: Buffer): { texts: string[], length: number, rest: string } => {
  const { payloads, length, rest } = scanRecords(bytes)
  return { texts: payloads.map(String), length, rest }
}

test('records come back as they were written', () => {
  assert.deepEqual(read(whole), { texts, length: whole.length, rest: 'none' })
  assert.deepEqual(read(Buffer.alloc(0)), { texts: [], length: 0, rest: 'none' })
})

test('a file cut at any byte gives the whole records before the cut, and calls the rest torn', () => {
  const ends = [0, ...texts.map((_, i) => Buffer.concat(texts.slice(0, i + 1).map(text => encodeRecord(Buffer.from(text)))).length)]
  for (let cut = 0; cut < whole.length; cut++) {
    const before = ends.filter(end => end <= cut).length - 1
    assert.deepEqual(read(whole.subarray(0, cut)), { texts: texts.slice(0, before), length: ends[before], rest: ends.includes(cut) ? 'none' : 'torn' }, `cut at ${cut}`)
  }
})

test('any changed byte but in the last record makes the rest damaged, and nothing wrong is ever given', () => {
  const last = encodeRecord(Buffer.from('x')).length
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 0x5a
    const found = read(bytes)
    assert.notEqual(found.rest, 'none', `byte ${at}`)
    assert.deepEqual(found.texts, texts.slice(0, found.texts.length), `byte ${at}`)
    // A length that points beyond the end cannot be told from a cut.
    if (at >= 8 && at < whole.length - last && (at < 15 || at >= 23)) assert.equal(found.rest, 'damaged', `byte ${at}`)
  }
})

test('zeros after the last record are what a power loss leaves, not damage', () => {
  assert.deepEqual(read(Buffer.concat([whole, Buffer.alloc(4096)])), { texts, length: whole.length, rest: 'torn' })
})
