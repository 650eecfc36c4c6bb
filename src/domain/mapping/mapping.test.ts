import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lostStage, mapDeal, writtenBy } from './mapping.ts'
import type { Computed, Fields, Mapped, Mapping } from './mapping.ts'

const NONE: Computed = { always: {}, created: {} }
const INHERITED = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']

const rules = (change: Partial<Mapping> = {}): Mapping => ({ version: 1, target_category: 0, stages: { 'C1:NEW': 'NEW' }, unmapped_stage: 'park', fields: {}, on_delete: 'ignore', on_target_missing: 'park', ...change })

function sent (mapped: Mapped): Fields {
  assert.equal(mapped.kind, 'fields')
  return mapped.kind === 'fields' ? mapped.fields : {}
}

test('a mapped stage goes with the category of the target', () => {
  assert.deepEqual(sent(mapDeal(rules({ target_category: 4 }), { STAGE_ID: 'C1:NEW' }, NONE)), { CATEGORY_ID: 4, STAGE_ID: 'NEW' })
})

test('an unmapped stage parks with its name in the reason, or skips, or is left out and the rest is sent', () => {
  const made = (unmapped_stage: Mapping['unmapped_stage'], deal: Fields): Mapped => mapDeal(rules({ unmapped_stage, fields: { TITLE: 'TITLE' } }), deal, NONE)
  for (const deal of [{ TITLE: 'A', STAGE_ID: 'C9:X' }, { TITLE: 'A', STAGE_ID: null }, { TITLE: 'A', STAGE_ID: 7 }, { TITLE: 'A' }]) {
    for (const end of ['park', 'skip'] as const) {
      const no = made(end, deal)
      assert.deepEqual(no.kind === 'no' && [no.end, no.reason], [end, 'stage_unmapped'])
    }
    assert.deepEqual(sent(made('keep', deal)), { CATEGORY_ID: 0, TITLE: 'A' })
  }
  const parked = made('park', { STAGE_ID: 'C9:X' })
  assert.match(parked.kind === 'no' ? parked.detail : '', /The stage C9:X has no line/)
})

test('an edited value takes the place of any other, and an edited stage heals one without a line', () => {
  const mapped = mapDeal(rules({ fields: { TITLE: 'TITLE' } }), { TITLE: 'A', STAGE_ID: 'C9:X' }, { always: { SOURCE: 's' }, created: { UF_ONCE: 'o', UF_DATE: 'd' } }, { STAGE_ID: 'NEW', TITLE: '', UF_ONCE: 'edited', OPPORTUNITY: '5' })
  assert.deepEqual(mapped, { kind: 'fields', fields: { CATEGORY_ID: 0, STAGE_ID: 'NEW', TITLE: '', SOURCE: 's', UF_ONCE: 'edited', OPPORTUNITY: '5', IS_MANUAL_OPPORTUNITY: 'Y' }, createdOnly: { UF_DATE: 'd' } })
})

test('what may be edited is what a mapping writes of its own', () => {
  assert.deepEqual(writtenBy(rules({ fields: { UF_A: 'TITLE', UF_B: 'UF_C' } }), ['UF_D', 'TITLE']), ['STAGE_ID', 'CATEGORY_ID', 'TITLE', 'UF_C', 'UF_D'])
})

test('a stage, a source field and a target field that are called like a property of every object are nothing special', () => {
  for (const name of INHERITED) {
    assert.equal(mapDeal(rules(), { STAGE_ID: name }, NONE).kind, 'no', name)
    assert.equal(sent(mapDeal(rules({ fields: { [name]: 'TITLE' } }), { STAGE_ID: 'C1:NEW' }, NONE))['TITLE'], '', name)
    const target = sent(mapDeal(rules({ fields: { UF_LIST: name } }), { STAGE_ID: 'C1:NEW', UF_LIST: ['a'] }, NONE))
    assert.deepEqual(Object.getOwnPropertyDescriptor(target, name)?.value, ['a'], name)
  }
  assert.equal(sent(mapDeal(rules({ stages: JSON.parse('{"__proto__":"WON"}') as Record<string, string> }), JSON.parse('{"STAGE_ID":"__proto__"}') as Fields, NONE))['STAGE_ID'], 'WON')
})

test('a field that the source lacks or holds as null is sent empty; a zero, a false and an empty list are values', () => {
  const fields = { A: 'A', B: 'B', C: 'C', D: 'D', E: 'E' }
  const mapped = sent(mapDeal(rules({ fields }), { STAGE_ID: 'C1:NEW', B: null, C: 0, D: false, E: [] }, NONE))
  assert.deepEqual(mapped, { CATEGORY_ID: 0, STAGE_ID: 'NEW', A: '', B: '', C: 0, D: false, E: [] })
})

test('a computed field comes over a copied one, and one that is written once stays apart', () => {
  const mapped = mapDeal(rules({ fields: { TITLE: 'TITLE' } }), { STAGE_ID: 'C1:NEW', TITLE: 'copied' }, { always: { TITLE: 'computed' }, created: { UF_CRM_X: 'once' } })
  assert.deepEqual(mapped, { kind: 'fields', fields: { CATEGORY_ID: 0, STAGE_ID: 'NEW', TITLE: 'computed' }, createdOnly: { UF_CRM_X: 'once' } })
})

test('a sum goes with the manual flag wherever it comes from, and no flag goes without a sum', () => {
  const deal = { STAGE_ID: 'C1:NEW', OPPORTUNITY: '10.5', IS_MANUAL_OPPORTUNITY: 'N' }
  const flag = (fields: Record<string, string>, computed: Computed = NONE): unknown => sent(mapDeal(rules({ fields }), deal, computed))['IS_MANUAL_OPPORTUNITY']
  assert.equal(flag({ OPPORTUNITY: 'OPPORTUNITY' }), 'Y')
  assert.equal(flag({ OPPORTUNITY: 'OPPORTUNITY', IS_MANUAL_OPPORTUNITY: 'IS_MANUAL_OPPORTUNITY' }), 'Y')
  assert.equal(flag({ UF_CRM_SUM: 'OPPORTUNITY' }), 'Y')
  assert.equal(flag({}, { always: { OPPORTUNITY: '7' }, created: {} }), 'Y')
  assert.equal(flag({ OPPORTUNITY: 'UF_CRM_SUM' }), undefined)
  const once = mapDeal(rules(), deal, { always: {}, created: { OPPORTUNITY: '7' } })
  assert.deepEqual(once.kind === 'fields' && [once.createdOnly, once.fields['IS_MANUAL_OPPORTUNITY']], [{ OPPORTUNITY: '7', IS_MANUAL_OPPORTUNITY: 'Y' }, undefined])
})

test('exactly the fields of the mapping are sent, whatever else the deal holds, and nothing that came in is changed', () => {
  const name = fc.stringMatching(/^UF_[A-Z]{1,3}$/)
  const value = fc.jsonValue() as fc.Arbitrary<Fields[string]>
  fc.assert(fc.property(fc.dictionary(name, name), fc.dictionary(name, value), (fields, deal) => {
    const source = { ...deal, STAGE_ID: 'C1:NEW' }
    const before = JSON.stringify([fields, source])
    const out = sent(mapDeal(rules({ fields }), source, NONE))
    assert.deepEqual(Object.keys(out).toSorted(), ['CATEGORY_ID', 'STAGE_ID', ...new Set(Object.values(fields))].toSorted())
    assert.equal(JSON.stringify([fields, source]), before)
  }))
})

test('the stage that closes a deal as lost is that of the target\'s own funnel', () => {
  assert.deepEqual([0, 3].map(target_category => lostStage(rules({ target_category }))), ['LOSE', 'C3:LOSE'])
})
