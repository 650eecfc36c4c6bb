import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mappingSchema } from './config-schema.ts'

const mistakes = (more: object): string[] => mappingSchema.safeParse({ version: 1, ...more }).error?.issues.map(issue => issue.path.join('.')) ?? []

test('contacts and companies are carried with the rules of the contract, or left out in either way', () => {
  const told = mappingSchema.parse({ version: 3, contacts: { carry: true, fields: { NAME: 'NAME' } }, companies: { carry: true, match: ['origin', 'title'], fields: { TITLE: 'TITLE' } } })
  assert.deepEqual([told.contacts, told.companies], [{ carry: true, match: ['origin', 'phone', 'email'], fields: { NAME: 'NAME' } }, { carry: true, match: ['origin', 'title'], fields: { TITLE: 'TITLE' } }])
  assert.deepEqual([mappingSchema.parse({ version: 3 }).contacts, mappingSchema.parse({ version: 3, contacts: { carry: false } }).contacts], [undefined, { carry: false }])
})

test('a record without fields, a match that its kind does not have and an unknown key are mistakes with their path', () => {
  assert.deepEqual(mistakes({ contacts: { carry: true, fields: {} } }), ['contacts.fields'])
  assert.deepEqual(mistakes({ contacts: { carry: true, match: ['title'], fields: { NAME: 'NAME' } } }), ['contacts.match.0'])
  assert.deepEqual(mistakes({ companies: { carry: true, fields: { TITLE: 'title' } } }), ['companies.fields.TITLE'])
  assert.deepEqual(mistakes({ companies: { carry: true, fields: { TITLE: 'TITLE' }, mach: [] } }), ['companies'])
  assert.deepEqual(mistakes({ contacts: { carry: 'yes' } }), ['contacts.carry'])
})
