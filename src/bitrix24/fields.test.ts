import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isoInZone } from '../../simulator/zone.ts'
import type { Json } from '../domain/mapping/mapping.ts'
import { camelName, snapshotOf, upperName } from './fields.ts'

// The standard fields of a deal (vendor page: crm.item, fields).
const NAMES: Record<string, string> = {
  ID: 'id', TITLE: 'title', TYPE_ID: 'typeId', CATEGORY_ID: 'categoryId', STAGE_ID: 'stageId', STAGE_SEMANTIC_ID: 'stageSemanticId', CURRENCY_ID: 'currencyId', OPPORTUNITY: 'opportunity',
  IS_MANUAL_OPPORTUNITY: 'isManualOpportunity', TAX_VALUE: 'taxValue', PROBABILITY: 'probability', COMPANY_ID: 'companyId', CONTACT_ID: 'contactId', CONTACT_IDS: 'contactIds',
  BEGINDATE: 'begindate', CLOSEDATE: 'closedate', OPENED: 'opened', CLOSED: 'closed', COMMENTS: 'comments', ASSIGNED_BY_ID: 'assignedById', CREATED_BY_ID: 'createdBy', DATE_CREATE: 'createdTime',
  DATE_MODIFY: 'updatedTime', MODIFY_BY_ID: 'updatedBy', MOVED_TIME: 'movedTime', MOVED_BY_ID: 'movedBy', SOURCE_ID: 'sourceId', SOURCE_DESCRIPTION: 'sourceDescription',
  ADDITIONAL_INFO: 'additionalInfo', UTM_SOURCE: 'utmSource', UTM_TERM: 'utmTerm', ORIGINATOR_ID: 'originatorId', ORIGIN_ID: 'originId', LEAD_ID: 'leadId', QUOTE_ID: 'quoteId',
  PARENT_ID_1220: 'parentId1220', IS_RECURRING: 'isRecurring', IS_RETURN_CUSTOMER: 'isReturnCustomer', OBSERVERS: 'observers'
}
const ZONES = ['+03:00', '+00:00', '+14:00', '-05:00', '-11:00', '+05:30', '-03:30']
const one = (name: string, value: unknown): Json | undefined => snapshotOf({ [name]: value })[upperName(name)]

test('each standard field has its documented name on the wire, and the way back', () => {
  assert.equal(Object.keys(NAMES).length, 39)
  for (const [upper, camel] of Object.entries(NAMES)) assert.deepEqual([camelName(upper), upperName(camel)], [camel, upper])
})

test('custom fields keep their own names both ways, whatever they look like, and no name is special', () => {
  for (const name of ['UF_CRM_1721244707107', 'UF_CRM_10_5186744711', 'UF_CRM_3_DIGIT10', 'UF_CRM_X']) assert.deepEqual([camelName(name), upperName(name)], [name, name])
  for (const name of ['constructor', 'toString', '__proto__']) assert.deepEqual([typeof camelName(name), typeof upperName(name)], ['string', 'string'])
})

test('a date is the same day whatever zone the portal shows it in', () => {
  const day = fc.date({ min: new Date('1970-01-02'), max: new Date('2100-01-01'), noInvalidDate: true }).map(date => date.toISOString().slice(0, 10))
  fc.assert(fc.property(day, fc.constantFrom(...ZONES), (date, zone) => one('begindate', isoInZone(Date.parse(`${date}T00:00:00Z`), zone)) === date && one('closedate', date) === date))
  for (const zone of ['+08:00', '+03:00', '-05:00']) assert.equal(one('closedate', `2026-08-30T00:00:00${zone}`), '2026-08-30', 'midnight of the zone itself')
  assert.deepEqual(['', null, 'soon'].map(value => one('closedate', value)), ['', null, 'soon'])
})

test('a custom date or datetime is never a day early west of UTC, and stays the same moment and otherwise the same text', () => {
  assert.equal(one('UF_CRM_DATE', '2026-08-29T19:00:00-05:00'), '2026-08-30T00:00:00+00:00')
  assert.deepEqual(one('UF_CRM_DATES', ['2026-08-29T19:00:00-05:00', '', null]), ['2026-08-30T00:00:00+00:00', '', null])
  for (const text of ['2026-08-29T19:00:01-05:00', '2026-08-30T03:00:00+03:00', '2026-08-30', 'at 2026-08-29T19:00:00-05:00', '2026-99-29T19:00:00-05:00']) assert.equal(one('UF_CRM_DATE', text), text)
})

test('money is a decimal string without exponent, and a text stays as it is', () => {
  const texts = [0, 999.99, 150000.5, 1000000, -12.5, 1e21, 123456789012345680000, 1e-7, 0.1, '1000000.00', '', null].map(value => one('opportunity', value))
  assert.deepEqual(texts, ['0', '999.99', '150000.5', '1000000', '-12.5', '1000000000000000000000', '123456789012345680000', '0.00', '0.1', '1000000.00', '', null])
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), sum => /^"-?\d+(\.\d+)?"$/.test(JSON.stringify(one('taxValue', sum)))))
})

test('empty and multiple values come through as they are, and a custom money field too', () => {
  const values = [[], ['a', 'b'], false, 'Y', 0, null, '', '1234.56|RUB', { id: 5 }]
  assert.deepEqual(values.map(value => one('UF_CRM_X', value)), values)
})

test('what is personal or changes by itself is left out, so that it neither leaks nor looks like a change', () => {
  const item = { id: 1, searchContent: 'Ann +7', lastActivityTime: 't', lastActivityBy: 1, lastCommunicationTime: 't', lastCommunicationCallTime: 't' }
  assert.deepEqual(snapshotOf(item), { ID: 1 })
})
