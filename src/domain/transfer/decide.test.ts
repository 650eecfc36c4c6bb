import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapDeal } from '../mapping/mapping.ts'
import type { Mapping } from '../mapping/mapping.ts'
import { decide } from './decide.ts'
import type { Decision, Situation } from './decide.ts'

const mapping: Mapping = { version: 1, target_category: 0, stages: { 'C1:NEW': 'NEW' }, unmapped_stage: 'park', fields: { TITLE: 'TITLE', OPPORTUNITY: 'OPPORTUNITY' }, on_delete: 'ignore', on_target_missing: 'park' }
const none = { always: {}, created: {} }
const deal = { TITLE: 'Pumps', STAGE_ID: 'C1:NEW', OPPORTUNITY: '10.5' }
const situation = (change: Partial<Situation> = {}): Situation => ({ source: { kind: 'found', deal }, mapping, mapped: mapDeal(mapping, deal, none), fieldsHash: 'h', writtenHash: null, link: null, ...change })

test('a deal without a link is created, with the fields that are written once apart', () => {
  const mapped = mapDeal(mapping, deal, { always: {}, created: { UF_CRM_IMPORT_DATE: 'now' } })
  assert.deepEqual(decide(situation({ mapped })), { kind: 'create', fields: { CATEGORY_ID: 0, STAGE_ID: 'NEW', TITLE: 'Pumps', OPPORTUNITY: '10.5', IS_MANUAL_OPPORTUNITY: 'Y' }, createdOnly: { UF_CRM_IMPORT_DATE: 'now' } })
})

test('a linked deal whose fields surely stand is unchanged, and one whose hash was voided is updated', () => {
  assert.equal(decide(situation({ link: '5', writtenHash: 'h' })).kind, 'unchanged')
  assert.equal(decide(situation({ link: '5', writtenHash: null })).kind, 'update')
})

test('a stage without a mapping parks, skips or is left out, as the mapping says', () => {
  const foreign = { ...deal, STAGE_ID: 'C9:X' }
  const made = (unmapped_stage: Mapping['unmapped_stage']): string => decide(situation({ mapped: mapDeal({ ...mapping, unmapped_stage }, foreign, none) })).kind
  assert.deepEqual([made('park'), made('skip'), made('keep')], ['park', 'skip', 'create'])
})

test('a deal deleted in its source is skipped, closed or deleted, as the mapping says', () => {
  const gone = (on_delete: Mapping['on_delete'], link: string | null): string => decide(situation({ source: { kind: 'deleted' }, mapping: { ...mapping, on_delete }, mapped: null, link })).kind
  assert.deepEqual([gone('ignore', '5'), gone('close', '5'), gone('delete', '5'), gone('delete', null)], ['skip', 'update', 'delete', 'skip'])
})

test('a deal that dealbridge made itself is not carried on', () => {
  const decision = decide(situation({ source: { kind: 'found', deal: { ...deal, ORIGINATOR_ID: 'dealbridge' } } }))
  assert.equal(decision.kind === 'skip' && decision.reason, 'own_deal')
})

test('an update leaves out what is written once, and what stands is not sent again because of it', () => {
  const mapped = mapDeal(mapping, deal, { always: {}, created: { UF_CRM_IMPORT_DATE: 'now' } })
  const decision = decide(situation({ mapped, link: '5' }))
  assert.deepEqual(decision, { kind: 'update', link: '5', fields: { CATEGORY_ID: 0, STAGE_ID: 'NEW', TITLE: 'Pumps', OPPORTUNITY: '10.5', IS_MANUAL_OPPORTUNITY: 'Y' } })
  assert.deepEqual(decide(situation({ mapped, link: '5', writtenHash: 'h' })), { kind: 'unchanged', link: '5' })
})

test('a deal that its portal does not show is parked with the portal\'s words, and deleted is told apart from that', () => {
  const decision = decide(situation({ source: { kind: 'unreadable', detail: 'Give the right.' }, link: '5', mapped: null }))
  assert.deepEqual(decision, { kind: 'park', reason: 'source_unreadable', detail: 'Give the right.' })
})

test('a deal that was closed after its deletion is not closed twice, and closing names the lost stage of the target\'s funnel', () => {
  const closing = { source: { kind: 'deleted' }, mapping: { ...mapping, target_category: 3, on_delete: 'close' }, mapped: null, link: '5' } as const
  assert.deepEqual(decide(situation(closing)), { kind: 'update', link: '5', fields: { CATEGORY_ID: 3, STAGE_ID: 'C3:LOSE' } })
  assert.deepEqual(decide(situation({ ...closing, writtenHash: 'h' })), { kind: 'unchanged', link: '5' })
  assert.equal(decide(situation({ ...closing, link: null })).kind, 'skip')
})

test('a deal of another system\'s making is carried on, and ours is not, not even with a link', () => {
  const from = (ORIGINATOR_ID: string | null): string => decide(situation({ source: { kind: 'found', deal: { ...deal, ORIGINATOR_ID } }, link: '5' })).kind
  assert.deepEqual(['dealbridge', 'Dealbridge', 'shop', '', null].map(from), ['skip', 'update', 'update', 'update', 'update'])
})

test('a mapping that gave nothing parks, and a rule that failed for the deal ends as the mapping said', () => {
  assert.deepEqual(reasonOf(decide(situation({ mapped: null }))), ['park', 'mapping_failed'])
  for (const end of ['park', 'skip'] as const) assert.deepEqual(reasonOf(decide(situation({ mapped: { kind: 'no', end, reason: 'r', detail: 'd' }, link: '5' }))), [end, 'r'])
})

const reasonOf = (decision: Decision): unknown[] => [decision.kind, 'reason' in decision && decision.reason]
