import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lane } from '../domain/schedule/lane.ts'
import { createAhead } from './ahead.ts'
import { createTurns } from './turns.ts'
import type { Planned } from './work.ts'

const planned = (portal: string, lane: Lane, dealId: number): Planned => ({
  claim: { portal, dealId: String(dealId), target: 'main', lane, attemptId: `${portal}-${lane}-${dealId}`, attemptNo: 1, coveredOffset: 0n, coveredCount: 1, signalledAt: 0, correlationId: '', causationId: null, tries: 0, link: null, writtenHash: null, known: null },
  write: { kind: 'delete', link: '1' }, state: { snapshot: '', sourceModifiedAt: null, sourceHash: '', title: '', stage: '' }, version: { modifiedAt: 0, hash: '' }, fieldsHash: '', mappingVersion: 1, startedAt: 0
})
const many = (portal: string, lane: Lane, count: number): Planned[] => Array.from({ length: count }, (_, i) => planned(portal, lane, i))
const count = (taken: readonly Planned[], portal: string, lane?: Lane): number => taken.filter(({ claim }) => claim.portal === portal && (lane ?? claim.lane) === claim.lane).length

test('a deal that was read behind three hundred of a noisy portal is in the next request', () => {
  const queue = [...many('loud', 'live', 300), planned('quiet', 'live', 1)]
  const taken = createTurns(new Map()).take(queue, 50)
  assert.deepEqual([count(taken, 'quiet'), count(taken, 'loud'), queue.length], [1, 49, 251])
})

test('planted bug: first come, first served lets a noisy portal hold up the others', () => {
  assert.equal(count([...many('loud', 'live', 300), planned('quiet', 'live', 1)].slice(0, 50), 'quiet'), 0, 'the planted bug was not caught')
})

test('a live deal overtakes a backfill that was read before it, and the backfill keeps its floor', () => {
  const queue = [...many('acme', 'backfill', 300), ...many('acme', 'live', 60)]
  const turns = createTurns(new Map())
  const taken = [...turns.take(queue, 50), ...turns.take(queue, 50)]
  assert.deepEqual([count(taken.slice(0, 50), 'acme', 'live'), count(taken.slice(0, 50), 'acme', 'backfill')], [48, 2])
  assert.equal(count(taken, 'acme', 'live'), 60)
})

test('what does not fit stays in its place', () => {
  const queue = many('acme', 'live', 3)
  assert.deepEqual(createTurns(new Map()).take(queue, 50, ({ claim }) => claim.dealId !== '0').map(({ claim }) => claim.dealId), ['1', '2'])
  assert.deepEqual(queue.map(({ claim }) => claim.dealId), ['0'])
})

const held = (portal: string, lane: Lane, deals: number, since: number | null = null) => Array.from({ length: deals }, () => ({ portal, lane, since }))

test('a full backfill in memory leaves live work all of its places', () => {
  const due = [{ lane: 'live', portal: 'acme', deals: 20 }, { lane: 'backfill', portal: 'acme', deals: 500 }] as const
  assert.deepEqual(createAhead(new Map()).choose(due, held('beta', 'backfill', 300), 0), [{ lane: 'live', portal: 'acme', deals: 20 }])
})

test('a portal that fills its part leaves places for the others, and is asked again when a request\'s worth is free', () => {
  const due = [{ lane: 'live', portal: 'loud', deals: 500 }, { lane: 'live', portal: 'quiet', deals: 5 }] as const
  const choose = (deals: number): unknown => createAhead(new Map()).choose(due, held('loud', 'live', deals), 0)
  assert.deepEqual(choose(160), [{ lane: 'live', portal: 'quiet', deals: 5 }])
  assert.deepEqual(choose(150), [{ lane: 'live', portal: 'loud', deals: 50 }, { lane: 'live', portal: 'quiet', deals: 5 }])
})

test('a portal has one read at a time, and one that is slow holds no places of the others', () => {
  const due = [{ lane: 'live', portal: 'slow', deals: 5 }, { lane: 'live', portal: 'quick', deals: 5 }] as const
  const reading = [...held('slow', 'live', 200, 1000), ...held('slower', 'live', 200, 1000)]
  assert.deepEqual(createAhead(new Map()).choose(due, reading, 1500), [])
  assert.deepEqual(createAhead(new Map()).choose(due, reading, 3000), [{ lane: 'live', portal: 'quick', deals: 5 }])
})
