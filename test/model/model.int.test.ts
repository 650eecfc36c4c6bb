import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seedOf } from '../support/seed.ts'
import { BUGS } from './bugs.ts'
import { play } from './play.ts'
import { goesForwards, judgeAtRest, readersView } from './properties.ts'
import type { AtRest } from './properties.ts'
import { SCENARIOS } from './scenarios.ts'
import { openStage } from './stage.ts'

const PLAYS = 3
const LONGEST_SEARCH = 100

test('the real dispatcher keeps the properties P1 to P7 of its model, whatever comes between its steps', async (t) => {
  const stage = await openStage(t)
  const first = seedOf(t)
  for (const scenario of SCENARIOS) {
    await t.test(scenario.name, async () => {
      for (let n = 0; n < PLAYS; n += 1) {
        const { broken, trace } = await play({ stage, scenario, seed: first + n, bug: {} })
        assert.equal(broken, null, `seed ${first + n}:\n${trace.join('\n')}`)
        assert.ok(trace.length > 50, 'a play in which nothing happens shows nothing')
      }
    })
  }
})

test('without a rule of the protocol a property breaks', async (t) => {
  const stage = await openStage(t)
  for (const { name, scenario: wanted, breaks, seed, bug } of BUGS) {
    await t.test(`planted bug: ${name}`, async () => {
      const scenario = SCENARIOS.find(each => each.name === wanted)
      assert.ok(scenario)
      let broken: string | null = null
      for (let n = 0; n < LONGEST_SEARCH && broken === null; n += 1) broken = (await play({ stage, scenario, seed: seed + n, bug })).broken
      assert.ok(broken !== null, 'the planted bug was not caught')
      assert.ok(breaks.includes(broken.slice(0, 2)), broken)
    })
  }
})

const states = ['A', 'B', 'A'].map((value, i) => ({ value, second: i * 1000 }))
const event = (attempt: number, epoch: number, title: string): AtRest['events'][number] => ({
  type: 'TransferSucceeded', eventId: '', correlationId: '', causationId: null, occurredAt: 0, portal: 'acme', dealId: '1', attemptId: `a${attempt}`, attemptNo: attempt, epoch,
  coveredOffset: 0n, coveredCount: attempt, signalledAt: 0, target: 'main', snapshot: '', sourceModifiedAt: 0, sourceHash: '', title, stage: '', action: 'updated', targetDealId: '1', writtenFields: '{}',
  mappingVersion: 1, tries: 1, durationMs: 0
})
const good: AtRest = { key: 'acme:1', states, copies: [{ id: '1', origin: 'acme:1', value: 'A', alive: true, words: ['A'] }], signals: 2, status: 'idle', events: [event(1, 1, 'B'), event(2, 1, 'A')], removed: false }

test('a target goes forwards through the states of its source, and may leave some out', () => {
  for (const words of [['A'], ['A', 'B', 'A'], ['B', 'A'], ['A', 'A']]) assert.ok(goesForwards(states, words), words.join())
  for (const words of [['B', 'A', 'B'], ['A', 'B', 'A', 'B'], ['C']]) assert.ok(!goesForwards(states, words), words.join())
})

test('readers count the first outcome of an attempt and none of an older epoch', () => {
  assert.deepEqual(readersView([event(1, 2, 'B'), event(1, 2, 'C'), event(2, 1, 'D')]), { ended: 1, word: 'B' })
})

test('a deal at rest is judged: twice, lost, wrong, without an end, told wrongly', () => {
  assert.equal(judgeAtRest(good), null)
  const [copy] = good.copies
  assert.ok(copy)
  const wrong: [string, Partial<AtRest>][] = [
    ['P1', { copies: [copy, { ...copy, id: '2' }] }], ['P2', { copies: [] }], ['P2', { copies: [{ ...copy, value: 'B' }] }], ['P4', { signals: 3 }],
    ['P7', { events: [event(2, 1, 'B')] }], ['P2', { states: [...states, { value: 'X', second: 9 }] }]
  ]
  for (const [property, change] of wrong) assert.equal(judgeAtRest({ ...good, ...change })?.slice(0, 2), property)
})
