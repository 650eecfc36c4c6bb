import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now, uuidv7 } from './clock.ts'

test('ids are UUIDv7 of the present millisecond, and no two are equal', () => {
  const before = now()
  const ids = Array.from({ length: 5000 }, uuidv7)
  const after = now()
  assert.equal(new Set(ids.map(id => id.slice(14))).size, ids.length)
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    assert.ok(ms >= before && ms <= after)
  }
})
