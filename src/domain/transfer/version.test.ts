import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { judgeRead } from './version.ts'
import type { Version } from './version.ts'

const NOON = Date.parse('2026-03-01T12:00:00Z')
const at = (modifiedAt: number, hash = 'a'): Version => ({ modifiedAt, hash })

test('the first read of a deal and a newer state are believed at once', () => {
  assert.deepEqual(judgeRead(null, at(NOON), 0), { kind: 'believe' })
  assert.deepEqual(judgeRead(at(NOON), at(NOON + 1000, 'b'), NOON), { kind: 'believe' })
})

test('an older state comes from a lagging replica and is read again a second later, however late it was read and whatever its hash', () => {
  for (const began of [NOON, NOON + 86_400_000]) {
    for (const hash of ['a', 'b']) assert.deepEqual(judgeRead(at(NOON), at(NOON - 1000, hash), began), { kind: 'again', at: began + 1000, reason: 'lagging_read' })
  }
})

test('the same time with an equal hash is the same state and believed at once', () => {
  assert.deepEqual(judgeRead(at(NOON), at(NOON), NOON), { kind: 'believe' })
})

test('the same time with another hash is believed from a read begun two seconds after it, and not a millisecond before', () => {
  const other = at(NOON, 'b')
  for (const began of [NOON - 5000, NOON, NOON + 1999]) assert.deepEqual(judgeRead(at(NOON), other, began), { kind: 'again', at: NOON + 2000, reason: 'same_second' })
  for (const began of [NOON + 2000, NOON + 9000]) assert.deepEqual(judgeRead(at(NOON), other, began), { kind: 'believe' })
})

test('what is believed is never older than what was attempted, and a read at the moment that was told ends the wait', () => {
  const version = fc.record({ modifiedAt: fc.integer({ min: NOON, max: NOON + 5000 }), hash: fc.constantFrom('a', 'b') })
  fc.assert(fc.property(version, version, fc.integer({ min: NOON, max: NOON + 9000 }), (known, read, began) => {
    const verdict = judgeRead(known, read, began)
    if (verdict.kind === 'believe') return read.modifiedAt >= known.modifiedAt
    return verdict.at > began && judgeRead(known, { ...read, modifiedAt: Math.max(read.modifiedAt, known.modifiedAt) }, Math.max(verdict.at, known.modifiedAt + 2000)).kind === 'believe'
  }))
})
