import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapDeal } from '../mapping/mapping.ts'
import type { Mapping } from '../mapping/mapping.ts'
import { decide } from './decide.ts'
import type { Situation } from './decide.ts'
import { classifyError } from './failure.ts'
import { retryDelayMs } from './retry-policy.ts'
import { judgeRead } from './version.ts'

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

test('a stage that is called like a property of every object is not mapped', () => {
  assert.equal(mapDeal(mapping, { ...deal, STAGE_ID: 'constructor' }, none).kind, 'no')
})

test('a field that the source cleared is sent empty', () => {
  const mapped = mapDeal(mapping, { STAGE_ID: 'C1:NEW', TITLE: null }, none)
  assert.equal(mapped.kind === 'fields' && mapped.fields['TITLE'], '')
})

test('a deal deleted in its source is skipped, closed or deleted, as the mapping says', () => {
  const gone = (on_delete: Mapping['on_delete'], link: string | null): string => decide(situation({ source: { kind: 'deleted' }, mapping: { ...mapping, on_delete }, mapped: null, link })).kind
  assert.deepEqual([gone('ignore', '5'), gone('close', '5'), gone('delete', '5'), gone('delete', null)], ['skip', 'update', 'delete', 'skip'])
})

test('a deal that dealbridge made itself is not carried on', () => {
  const decision = decide(situation({ source: { kind: 'found', deal: { ...deal, ORIGINATOR_ID: 'dealbridge' } } }))
  assert.equal(decision.kind === 'skip' && decision.reason, 'own_deal')
})

test('a read older than the highest attempted state is read again', () => {
  assert.equal(judgeRead({ modifiedAt: 5000, hash: 'a' }, { modifiedAt: 4000, hash: 'b' }, 9000).kind, 'again')
})

test('another hash within the same second is believed only from a read that began two seconds later', () => {
  const known = { modifiedAt: 5000, hash: 'a' }
  assert.deepEqual(judgeRead(known, { modifiedAt: 5000, hash: 'b' }, 5500), { kind: 'again', at: 7000, reason: 'same_second' })
  assert.equal(judgeRead(known, { modifiedAt: 5000, hash: 'b' }, 7000).kind, 'believe')
  assert.equal(judgeRead(known, { modifiedAt: 5000, hash: 'a' }, 5500).kind, 'believe')
})

test('the three quick tries double from one second, with up to a tenth of jitter, and then grow to an hour', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 99].map(n => retryDelayMs(n, 0)), [1000, 2000, 4000, 60_000, 300_000, 900_000, 3_600_000, 3_600_000])
  assert.equal(retryDelayMs(0, 1), 1100)
})

test('an error is classified by its code first and by its status second', () => {
  const kinds = ([[503, 'QUERY_LIMIT_EXCEEDED', ''], [503, 'OVERLOAD_LIMIT', ''], [401, 'expired_token', ''], [403, 'ACCESS_DENIED', ''], [400, 'ACCESS_DENIED', ''], [400, '', 'Not found'], [400, 'NOT_FOUND', ''], [500, 'INTERNAL_SERVER_ERROR', ''], [418, 'X', ''], [502, '', ''], [null, 'OPERATION_TIME_LIMIT', ''], [302, '', '']] as const)
    .map(([status, code, text]) => classifyError(status, code, text).class)
  assert.deepEqual(kinds, ['throttled', 'portal', 'portal', 'portal', 'permanent', 'missing', 'missing', 'transient', 'permanent', 'transient', 'throttled', 'portal'])
})
