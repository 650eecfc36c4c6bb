import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransferDeferred, TransferEvent, TransferOutcomeUnknown, TransferParked, TransferSkipped, TransferSucceeded, TransferSuperseded } from '../../domain/transfer/events.ts'
import { foldOutcome, noOutcome } from './project.ts'
import type { DealOutcome } from './project.ts'

const head = { eventId: 'e', correlationId: 'c', causationId: null, occurredAt: 5000, portal: 'acme', dealId: '7', attemptId: 'a', attemptNo: 1, epoch: 1, coveredOffset: 0n, coveredCount: 1, signalledAt: 1000, target: 'main' }
const read = { snapshot: '{"OPPORTUNITY":"12.50","CURRENCY_ID":"EUR"}', sourceModifiedAt: 1, sourceHash: 'h', title: 'Roof', stage: 'NEW' }

const succeeded = (more: Partial<TransferSucceeded> = {}): TransferSucceeded => ({ ...head, ...read, type: 'TransferSucceeded', action: 'created', targetDealId: '70', writtenFields: '{}', mappingVersion: 1, tries: 1, durationMs: 5, ...more })
const skipped = (more: Partial<TransferSkipped> = {}): TransferSkipped => ({ ...head, ...read, type: 'TransferSkipped', reason: 'unmapped_stage', targetDealId: null, ...more })
const parked = (more: Partial<TransferParked> = {}): TransferParked => ({ ...head, ...read, type: 'TransferParked', reason: 'stage', detail: 'Stage X has no place.', targetDealId: null, tries: 1, ...more })
const deferred = (more: Partial<TransferDeferred> = {}): TransferDeferred => ({ ...head, type: 'TransferDeferred', errorClass: 'transient', reason: 'away', detail: '', tries: 1, nextTryAt: 9000, ...more })
const unknown = (more: Partial<TransferOutcomeUnknown> = {}): TransferOutcomeUnknown => ({ ...head, type: 'TransferOutcomeUnknown', reason: 'timeout', lookUpAt: 70000, ...more })
const lost = (more: Partial<TransferSuperseded> = {}): TransferSuperseded => ({ ...head, type: 'TransferSuperseded', reason: 'not_found', targetDealId: null, ...more })

const fold = (...events: TransferEvent[]): DealOutcome => events.reduce((deal, event) => foldOutcome(deal, event).deal, noOutcome)

test('the newest covered signal gets the kind and those it took along are superseded', () => {
  const deal = fold(succeeded({ coveredCount: 4, coveredOffset: 30n }))
  assert.deepEqual(deal.ends, { applied: 1, unchanged: 0, superseded: 3, skipped: 0, parked: 0 })
  assert.deepEqual([deal.ended, deal.coveredOffset, deal.status, deal.landMs, deal.landedAt], [4, 30n, 'landed', 4000, 5000])
  assert.deepEqual([deal.title, deal.stage, deal.opportunity, deal.currency, deal.targetDealId], ['Roof', 'NEW', '12.50', 'EUR', '70'])
})

test('an end after a parked one supersedes it, whether or not it covers a new signal', () => {
  const withNew = fold(parked(), succeeded({ attemptNo: 2, coveredCount: 2 }))
  assert.deepEqual(withNew.ends, { applied: 1, unchanged: 0, superseded: 1, skipped: 0, parked: 0 })
  const without = fold(parked(), succeeded({ attemptNo: 2 }))
  assert.deepEqual(without.ends, { applied: 0, unchanged: 0, superseded: 1, skipped: 0, parked: 0 })
  assert.equal(without.status, 'landed')
  assert.equal(without.reason, null)
})

test('a deal that is parked again without a new signal stays counted as parked', () => {
  const deal = fold(parked(), parked({ attemptNo: 2, reason: 'other' }))
  assert.equal(deal.ends.parked, 1)
  assert.equal(deal.reason, 'other')
})

test('the second outcome of an attempt and one of an older epoch are left out', () => {
  const first = fold(succeeded({ epoch: 3 }))
  assert.equal(foldOutcome(first, skipped({ epoch: 3 })).kept, false)
  assert.equal(foldOutcome(first, parked({ epoch: 2, attemptNo: 9, coveredCount: 9 })).kept, false)
  assert.deepEqual(foldOutcome(first, skipped({ epoch: 3 })).deal, first)
})

test('an unknown outcome counts once and its attempt gets its final one later', () => {
  const once = fold(unknown())
  assert.equal(once.status, 'unknown')
  assert.equal(foldOutcome(once, unknown()).kept, false)
  const settled = foldOutcome(once, succeeded())
  assert.equal(settled.kept, true)
  assert.equal(settled.deal.status, 'landed')
  assert.equal(foldOutcome(settled.deal, unknown()).kept, false)
})

test('attempts count from the previous end, the last end included', () => {
  const deal = fold(deferred(), deferred({ attemptNo: 2 }), succeeded({ attemptNo: 3 }))
  assert.equal(deal.attempts, 3)
  assert.equal(foldOutcome(deal, deferred({ attemptNo: 4 })).deal.attempts, 1)
})

test('an attempt that was lost ends nothing and its deal waits', () => {
  const deal = fold(lost({ targetDealId: '71' }))
  assert.deepEqual([deal.status, deal.ended, deal.targetDealId], ['superseded', 0, '71'])
})

test('a deleted source or target shows as deleted, and only a deleted target loses the link', () => {
  assert.deepEqual([fold(succeeded(), skipped({ attemptNo: 2, reason: 'source_deleted', snapshot: '' }))].map(d => [d.status, d.targetDealId, d.title]), [['deleted', '70', 'Roof']])
  assert.deepEqual([fold(succeeded(), succeeded({ attemptNo: 2, action: 'deleted' }))].map(d => [d.status, d.targetDealId]), [['deleted', null]])
})

test('an amount that is no decimal is left empty instead of stopping the partition', () => {
  assert.equal(fold(succeeded({ snapshot: '{"OPPORTUNITY":"1e999"}' })).opportunity, null)
  assert.equal(fold(succeeded({ snapshot: 'not json' })).opportunity, null)
})
