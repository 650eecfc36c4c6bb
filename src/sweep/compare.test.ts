import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNKNOWN_DEAL, compare } from './compare.ts'
import type { Standing } from './compare.ts'
import { OVERLAP_MS, listFrom, nextCursor } from './cursor.ts'

const LISTED = { modifiedAt: 5000, hash: 'b' }
const AT_REST: Standing = { ...UNKNOWN_DEAL, status: 'idle', lastOffset: 7n, coveredOffset: 7n, claimOffset: 7n, ended: LISTED, attempted: LISTED }

test('a deal that ended in the listed version costs no signal, parked or not; another time or hash does, an older list does not', () => {
  for (const status of ['idle', 'parked'] as const) {
    assert.equal(compare(LISTED, { ...AT_REST, status }), 'same')
    assert.equal(compare({ ...LISTED, hash: 'c' }, { ...AT_REST, status }), 'signal')
    assert.equal(compare({ ...LISTED, modifiedAt: 6000 }, { ...AT_REST, status }), 'signal')
    assert.equal(compare({ modifiedAt: 4000, hash: 'a' }, { ...AT_REST, status }), 'older')
  }
})

test('a deal that is not known, or never ended in a version, is signalled', () => {
  assert.equal(compare(LISTED, UNKNOWN_DEAL), 'signal')
  assert.equal(compare(LISTED, { ...AT_REST, ended: null }), 'signal')
})

test('a deal whose read is to come is open, and so is one whose signal of the sweep was not covered yet', () => {
  const newer = { modifiedAt: 9000, hash: 'z' }
  for (const status of ['waiting', 'deferred'] as const) assert.equal(compare(newer, { ...AT_REST, status }), 'open')
  for (const status of ['claimed', 'intended', 'unknown'] as const) assert.equal(compare(newer, { ...AT_REST, status, lastOffset: 8n }), 'open', 'dirty: another read follows')
  assert.equal(compare(newer, { ...AT_REST, signalledOffset: 8n }), 'open')
  assert.equal(compare(newer, { ...UNKNOWN_DEAL, signalledOffset: 0n }), 'open')
  assert.equal(compare(newer, { ...AT_REST, signalledOffset: 7n }), 'signal', 'the signal was covered, and the deal still differs: it was read from a lagging replica')
})

test('a held deal waits for an operator, whatever is listed', () => {
  assert.equal(compare({ modifiedAt: 9000, hash: 'z' }, { ...AT_REST, status: 'parked', held: true }), 'open')
})

test('a deal in hand, read perhaps before the listed version, is asked for later; one whose attempt carries that version is open', () => {
  for (const status of ['claimed', 'intended', 'unknown'] as const) {
    assert.equal(compare({ modifiedAt: 9000, hash: 'z' }, { ...AT_REST, status }), 'later')
    assert.equal(compare(LISTED, { ...AT_REST, status }), 'open')
  }
})

test('a pass reaches back past the longest request of a portal and the lag of its lists, to a whole second', () => {
  assert.ok(OVERLAP_MS >= 65_000)
  assert.equal(listFrom(1_000_000_999), 1_000_000_000 - OVERLAP_MS)
})

test('the cursor is the begin of the pass, held back so that the next one lists what could not be judged', () => {
  assert.equal(nextCursor(500_000, null), 500_000)
  assert.equal(listFrom(nextCursor(500_000, 300_000)), 300_000)
  assert.equal(nextCursor(500_000, 499_000), 500_000)
})
