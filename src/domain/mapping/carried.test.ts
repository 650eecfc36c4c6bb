import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { comesFrom, mapRecord, matchesOf, multiChange, multiOf, recordsOf, withRecords } from './carried.ts'
import type { Multi, MultiChange, StandingMulti } from './carried.ts'
import type { CarriedRule, Fields, Mapping } from './mapping.ts'

const RULE: CarriedRule = { carry: true, match: ['origin', 'phone', 'email'], fields: { NAME: 'NAME', PHONE: 'PHONE', EMAIL: 'EMAIL' } }
const COMPANY: CarriedRule = { carry: true, match: ['origin', 'title'], fields: { TITLE: 'TITLE' } }
const mapping = (more: Partial<Mapping>): Mapping => ({ version: 1, target_category: 0, stages: {}, unmapped_stage: 'keep', fields: {}, on_delete: 'ignore', on_target_missing: 'park', ...more })
const both = mapping({ contacts: RULE, companies: COMPANY })
const phones = (...values: string[]): Fields => ({ PHONE: values.map(VALUE => ({ VALUE, VALUE_TYPE: 'WORK' })) })
const standing = (id: string, value: string, valueType = 'WORK'): StandingMulti => ({ id, typeId: 'PHONE', valueType, value })

test('a deal names its company, then its contacts with the primary one first, each once, and only those that are carried', () => {
  const deal = { COMPANY_ID: 9, CONTACT_ID: 84, CONTACT_IDS: [91, 84, 91] }
  assert.deepEqual(recordsOf(both, deal).map(({ kind, sourceId }) => `${kind} ${sourceId}`), ['company 9', 'contact 84', 'contact 91'])
  assert.deepEqual(recordsOf(mapping({ contacts: RULE }), deal).map(ref => ref.kind), ['contact', 'contact'])
  assert.deepEqual([recordsOf(mapping({}), deal), recordsOf(mapping({ contacts: { carry: false } }), deal)], [[], []])
})

test('a deal without records, in each way that a portal writes it, names none', () => {
  for (const none of [{}, { COMPANY_ID: 0, CONTACT_IDS: [] }, { COMPANY_ID: '0', CONTACT_ID: null, CONTACT_IDS: null }, { COMPANY_ID: null, CONTACT_IDS: [0, '', null] }]) assert.deepEqual(recordsOf(both, none), [])
})

test('the deal gets the target\'s ids, one for each record, and is emptied where a kind is carried and it has none', () => {
  const mapped = { kind: 'fields', fields: { TITLE: 'A' }, createdOnly: {} } as const
  const links = [{ kind: 'contact', sourceId: '1', targetId: '501' }, { kind: 'contact', sourceId: '2', targetId: '501' }, { kind: 'company', sourceId: '9', targetId: '77' }] as const
  assert.deepEqual(withRecords(mapped, both, links), { ...mapped, fields: { TITLE: 'A', COMPANY_ID: '77', CONTACT_IDS: ['501'], CONTACT_ID: '501' } })
  assert.deepEqual(withRecords(mapped, both, []), { ...mapped, fields: { TITLE: 'A', COMPANY_ID: '0', CONTACT_IDS: [] } })
  assert.deepEqual(withRecords(mapped, mapping({}), []), mapped)
})

test('only a record of ours that names this very target comes from it', () => {
  const from = (ORIGIN_ID: string, ORIGINATOR_ID = 'dealbridge'): string | null => comesFrom('main', { ORIGINATOR_ID, ORIGIN_ID })
  assert.deepEqual([from('main:12'), from('acme:12'), from('main:x'), from('main2:12'), from('main:12', 'other'), comesFrom('main', {})], ['12', null, null, null, null, null])
})

test('what the source lacks is sent empty, a list of telephones too', () => {
  assert.deepEqual(mapRecord(RULE, { NAME: null }), { NAME: '', PHONE: [], EMAIL: [] })
})

test('a record is recognised by its telephones and addresses in the order of the rule, whatever way they are written', () => {
  const fields = { ...phones('8 (900) 111-22-33', '12'), EMAIL: [{ VALUE: 'Ann@Example.org ' }, { VALUE: 'none' }], TITLE: ' Works ' }
  assert.deepEqual(matchesOf({ ...RULE, match: ['email', 'origin', 'phone'] }, fields).map(({ by, keys }) => [by, keys]), [['email', ['email ann@example.org']], ['phone', ['phone 79001112233']]])
  assert.deepEqual(matchesOf(COMPANY, fields), [{ by: 'title', values: ['Works'], keys: ['title Works'] }])
  assert.deepEqual(matchesOf(RULE, mapRecord(RULE, {})), [])
})

test('a telephone that stands is left alone, a new one is added, one that the source no longer has is removed', () => {
  assert.deepEqual(multiChange(phones('+7 900 000-00-01', '+7 900 000-00-03'), [standing('5', '89000000001'), standing('6', '+79000000002')]), {
    n0: { typeId: 'PHONE', valueType: 'WORK', value: '+7 900 000-00-03' }, 6: { typeId: 'PHONE', valueType: 'WORK', value: '' }
  })
  assert.equal(multiChange(phones('1234567'), [standing('5', '1234567')]), null)
  assert.deepEqual(multiChange(phones('1234567'), [standing('5', '1234567', 'HOME')]), { 5: { typeId: 'PHONE', valueType: 'WORK', value: '1234567' } })
})

test('kinds of values that are not mapped are never touched', () => {
  assert.equal(multiChange({ NAME: 'Ann' }, [standing('5', '1234567')]), null)
  assert.equal(multiChange(phones(), [{ ...standing('5', 'a@b.c'), typeId: 'EMAIL' }]), null)
})

/** What a portal makes of a change (vendor page: an id that is there is changed or, when empty, removed; any other key adds). */
function apply (stands: readonly StandingMulti[], change: MultiChange | null): StandingMulti[] {
  const after = stands.flatMap(each => change?.[each.id] === undefined ? [each] : change[each.id]?.value === '' ? [] : [{ ...each, ...change[each.id] as Multi }])
  return [...after, ...Object.entries(change ?? {}).filter(([id]) => !stands.some(each => each.id === id)).map(([id, each]) => ({ ...each, id: `new${id}` }))]
}

test('a change, applied once, leaves exactly the wanted values, and asks for nothing more', () => {
  const value = fc.constantFrom('111111', '222222', '(33) 33-33', '333333', '8900 111 22 33', '+7900 111 22 33')
  fc.assert(fc.property(fc.array(value, { maxLength: 5 }), fc.uniqueArray(value, { maxLength: 5 }), (wanted, stood) => {
    const fields = phones(...wanted)
    const after = apply(stood.map((each, i) => standing(String(i + 1), each)), multiChange(fields, stood.map((each, i) => standing(String(i + 1), each))))
    assert.equal(multiChange(fields, after), null)
    assert.equal(after.length, multiOf(fields).values.length)
  }))
})
