import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import type { TransferEvent } from '../domain/transfer/events.ts'
import type { LogRecord, Topic } from '../eventlog/port.ts'
import { foldRecords } from './chunk.ts'
import { noOutcome } from './deal/project.ts'
import type { DealOutcome } from './deal/project.ts'

const DEALS = ['1', '2', '3']

function signal (dealId: string, at: number): DealChangeSignalled {
  return { type: 'DealChangeSignalled', eventId: `s${at}`, correlationId: '', causationId: null, occurredAt: at, portal: 'acme', dealId, kind: 'updated', channel: 'webhook', receivedAt: at, payload: '{}', payloadHash: '', repeat: false }
}

const outcome = fc.record({
  dealId: fc.constantFrom(...DEALS), type: fc.constantFrom('TransferSucceeded', 'TransferSkipped', 'TransferParked', 'TransferDeferred', 'TransferOutcomeUnknown', 'TransferSuperseded'),
  action: fc.constantFrom('created', 'updated', 'unchanged', 'deleted'), attemptNo: fc.integer({ min: 1, max: 8 }), epoch: fc.integer({ min: 1, max: 3 }), coveredCount: fc.integer({ min: 0, max: 6 })
}).map(o => ({
  ...o, eventId: '', correlationId: '', causationId: null, occurredAt: 9000, portal: 'acme', attemptId: '', coveredOffset: BigInt(o.coveredCount), signalledAt: 1000, target: 'main',
  snapshot: '{}', sourceModifiedAt: null, sourceHash: '', title: '', stage: '', targetDealId: '9', writtenFields: '{}', mappingVersion: 1, tries: 1, durationMs: 1, reason: 'r', detail: '', errorClass: '', nextTryAt: 1, lookUpAt: 1
}))

const asRecords = (topic: Topic, events: (DealChangeSignalled | TransferEvent)[]): LogRecord[] => events.map((event, i) => ({ topic, partition: 0, offset: BigInt(i), event, traceparent: null }))

// The tables and checkpoints in memory, with the same rule: what the checkpoint has passed is dropped.
function createStore (drops = true): { apply (records: LogRecord[]): void, rows (): unknown, deals: Map<string, DealOutcome>, seen: Map<string, number> } {
  const deals = new Map<string, DealOutcome>()
  const seen = new Map<string, number>()
  const lines: string[] = []
  const next = new Map<Topic, bigint>()
  return {
    deals,
    seen,
    apply (records) {
      const topic = records[0]?.topic
      if (topic === undefined) return
      const done = next.get(topic) ?? 0n
      const fresh = drops ? records.filter(r => r.offset >= done) : records
      const folded = foldRecords(fresh, key => deals.get(key) ?? noOutcome)
      for (const [key, row] of folded.outcomes) deals.set(key, row.outcome)
      for (const [key, row] of folded.signals) seen.set(key, (seen.get(key) ?? 0) + row.count)
      lines.push(...folded.timeline.map(r => `${r.topic} ${r.offset} ${r.text}`), ...folded.transfers.map(r => `${r.offset} ${r.outcome}`))
      const end = (records.at(-1)?.offset ?? -1n) + 1n
      if (end > done) next.set(topic, end)
    },
    rows: () => ({ deals: [...deals].sort(), seen: [...seen].sort(), lines: [...lines].sort() })
  }
}

const scenario = fc.record({
  signals: fc.array(fc.constantFrom(...DEALS), { maxLength: 20 }),
  outcomes: fc.array(outcome, { maxLength: 20 }),
  steps: fc.array(fc.record({ isSignal: fc.boolean(), size: fc.integer({ min: 1, max: 7 }), back: fc.integer({ min: 0, max: 4 }) }), { maxLength: 40 })
})

function run (from: { signals: string[], outcomes: TransferEvent[], steps: { isSignal: boolean, size: number, back: number }[] }, drops = true): { apart: ReturnType<typeof createStore>, whole: ReturnType<typeof createStore> } {
  const topics = [asRecords('deal-transfers', from.outcomes), asRecords('deal-signals', from.signals.map((deal, i) => signal(deal, i)))] as const
  const [apart, whole] = [createStore(drops), createStore()]
  const at = [0, 0]
  for (const step of from.steps) {
    const which = step.isSignal ? 1 : 0
    // A redelivery begins a little before what was applied; a gap cannot happen here.
    const start = Math.max(0, (at[which] ?? 0) - step.back)
    apart.apply(topics[which].slice(start, start + step.size))
    at[which] = Math.max(at[which] ?? 0, Math.min(start + step.size, topics[which].length))
  }
  topics.forEach((records, which) => apart.apply(records.slice(at[which])))
  for (const records of topics) whole.apply(records)
  return { apart, whole }
}

test('any interleaving of the topics, any chunks and any repetition give the same rows', () => {
  fc.assert(fc.property(scenario, (from) => {
    const { apart, whole } = run(from)
    assert.deepEqual(apart.rows(), whole.rows())
  }), { numRuns: 2000 })
})

test('every signal has exactly one end: ended is always the sum of the five', () => {
  fc.assert(fc.property(scenario, (from) => {
    for (const deal of run(from).apart.deals.values()) {
      assert.equal(Object.values(deal.ends).reduce((a, b) => a + b, 0), deal.ended)
      assert.ok(Object.values(deal.ends).every(count => count >= 0))
    }
  }), { numRuns: 1000 })
})

test('the property above would see a reader that forgets to drop what it has applied', () => {
  const result = fc.check(fc.property(scenario, (from) => {
    const { apart, whole } = run(from, false)
    assert.deepEqual(apart.rows(), whole.rows())
  }), { numRuns: 500 })
  assert.equal(result.failed, true)
})
