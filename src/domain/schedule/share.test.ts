import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seedOf } from '../../../test/support/seed.ts'
import { LANES } from './lane.ts'
import type { Lane } from './lane.ts'
import { FLOORS, NO_CREDIT, shareOut } from './share.ts'
import type { Quotas, Room, Share } from './share.ts'

const NO_QUOTAS: Quotas = new Map()
const total = (takes: readonly Share[], lane?: Lane, portal?: string): number => takes.filter(take => (lane ?? take.lane) === take.lane && (portal ?? take.portal) === take.portal).reduce((sum, take) => sum + take.deals, 0)

/** Rounds over the same endless backlog; gives how many deals of each share were taken in all of them. */
function rounds (due: readonly Share[], count: number, room: Omit<Room, 'credit'>): Share[] {
  let credit = NO_CREDIT
  const all: Share[] = []
  for (let round = 0; round < count; round += 1) {
    const shared = shareOut(due, { ...room, credit })
    credit = shared.credit
    all.push(...shared.takes)
  }
  return all
}

test('live work goes first, and every lower lane that has work gets its floor of each round', () => {
  const due = LANES.map(lane => ({ lane, portal: 'acme', deals: 1000 }))
  const { takes } = shareOut(due, { deals: 100, quotas: NO_QUOTAS, credit: NO_CREDIT })
  assert.deepEqual(LANES.map(lane => total(takes, lane)), [75, 10, 10, 5])
})

test('a floor of less than a deal is kept until it is one: none starves however small the rounds are', () => {
  const due = LANES.map(lane => ({ lane, portal: 'acme', deals: 1000 }))
  const taken = rounds(due, 100, { deals: 2, quotas: NO_QUOTAS })
  for (const lane of ['retry', 'repair', 'backfill'] as const) assert.ok(Math.abs(total(taken, lane) - 200 * FLOORS[lane]) <= 1, `${lane}: ${total(taken, lane)}`)
})

test('planted bug: without floors a backfill starves behind live work', () => {
  const due = [{ lane: 'live', portal: 'acme', deals: 1000 }, { lane: 'backfill', portal: 'acme', deals: 1000 }] as const
  const none = { live: 0, retry: 0, repair: 0, backfill: 0 }
  assert.equal(total(rounds(due, 100, { deals: 50, quotas: NO_QUOTAS, floors: none }), 'backfill'), 0, 'the planted bug was not caught')
  assert.ok(total(rounds(due, 100, { deals: 50, quotas: NO_QUOTAS }), 'backfill') > 0)
})

test('a floor that nobody uses goes to the first lane that has work', () => {
  const { takes } = shareOut([{ lane: 'live', portal: 'acme', deals: 1000 }, { lane: 'repair', portal: 'acme', deals: 3 }], { deals: 100, quotas: NO_QUOTAS, credit: NO_CREDIT })
  assert.deepEqual([total(takes, 'live'), total(takes, 'repair')], [97, 3])
})

test('portals of a lane take turns, so that a hundred times the deals of one are no more than its turn', () => {
  const due: Share[] = [{ lane: 'live', portal: 'loud', deals: 10_000 }, ...Array.from({ length: 19 }, (_, i) => ({ lane: 'live' as const, portal: `p${i}`, deals: 100 }))]
  const { takes } = shareOut(due, { deals: 60, quotas: NO_QUOTAS, credit: NO_CREDIT })
  for (const { portal } of due) assert.equal(total(takes, 'live', portal), 3)
})

test('when a round has fewer places than portals, the next one begins with those that had none', () => {
  const due = ['a', 'b', 'c', 'd', 'e'].map(portal => ({ lane: 'live' as const, portal, deals: 100 }))
  const taken = rounds(due, 10, { deals: 2, quotas: NO_QUOTAS })
  for (const { portal } of due) assert.equal(total(taken, 'live', portal), 4)
})

test('a quota holds a portal to its part while others wait, over all its lanes, and wastes nothing that they leave', () => {
  const quotas = new Map([['loud', 0.1]])
  const loud = [{ lane: 'live', portal: 'loud', deals: 1000 }, { lane: 'backfill', portal: 'loud', deals: 1000 }] as const
  const other = { lane: 'live', portal: 'other', deals: 1000 } as const
  assert.equal(total(rounds([...loud, other], 100, { deals: 25, quotas }), undefined, 'loud'), 250)
  assert.equal(total(rounds([...loud, { ...other, deals: 5 }], 1, { deals: 25, quotas }), undefined, 'loud'), 20)
  assert.equal(total(rounds(loud, 1, { deals: 25, quotas })), 25)
})

test('whatever is due: never more than is due or than there is room, and no place is left while something waits', (t) => {
  const share = fc.record({ lane: fc.constantFrom(...LANES), portal: fc.constantFrom('a', 'b', 'c', 'd'), deals: fc.integer({ min: 0, max: 80 }) })
  const due = fc.uniqueArray(share, { selector: each => `${each.lane} ${each.portal}`, maxLength: 16 })
  const quotas = fc.dictionary(fc.constantFrom('a', 'b'), fc.double({ min: 0.01, max: 1, noNaN: true })).map(each => new Map(Object.entries(each)))
  fc.assert(fc.property(fc.array(due, { minLength: 1, maxLength: 5 }), fc.integer({ min: 0, max: 120 }), quotas, (loads, deals, limited) => {
    let credit = NO_CREDIT
    for (const load of loads) {
      const shared = shareOut(load, { deals, quotas: limited, credit })
      credit = shared.credit
      for (const take of shared.takes) assert.ok(take.deals <= total(load, take.lane, take.portal))
      assert.equal(total(shared.takes), Math.min(deals, total(load)))
    }
  }), { seed: seedOf(t), numRuns: 500 })
})
