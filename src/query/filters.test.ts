import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cursor, encodeCursor, instant, limit, oneOf, readFilters } from './filters.ts'

const readers = { state: oneOf(['landed', 'parked']), from: instant, limit, cursor: cursor('instant', 'text', 'number') }

test('a wrong value is refused with a sentence that names the right ones', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ state: 'gone' }, /must be one of landed, parked/], [{ from: 'yesterday' }, /RFC 3339/], [{ from: '2026-13-01T00:00:00Z' }, /RFC 3339/],
    [{ limit: '0' }, /1 to 500/], [{ limit: '501' }, /1 to 500/], [{ limit: 'ten' }, /1 to 500/], [{ at: '2026-01-01T00:00:00Z' }, /no parameter at here; possible are state, from/],
    [{ state: ['landed', 'parked'] }, /more than once/], [{ cursor: 'x' }, /cursor of an earlier answer/], [{ cursor: encodeCursor(['now', 'a', '1']) }, /cursor/],
    [{ cursor: encodeCursor(['2026-01-01T00:00:00.000Z', 'a', '1; drop']) }, /cursor/], [{ constructor: 'x' }, /no parameter constructor/]
  ]
  for (const [query, sentence] of cases) assert.throws(() => readFilters(readers, query), sentence)
  assert.equal(cases.length, 12)
})

test('a cursor comes back as it went out', () => {
  const mark = ['2026-01-01T00:00:00.000Z', 'acme', '7']
  assert.deepEqual(readFilters(readers, { cursor: encodeCursor(mark), limit: '500' }), { cursor: mark, limit: 500 })
})
