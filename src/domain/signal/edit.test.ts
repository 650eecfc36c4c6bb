import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editedFor, mistakesOfEdit, readEdit } from './edit.ts'

const WRITTEN = ['STAGE_ID', 'TITLE', 'ORIGIN_ID']

test('an edit names fields that the mapping writes, and every mistake is told at once in a plain sentence', () => {
  assert.deepEqual(mistakesOfEdit({ STAGE_ID: 'NEW', TITLE: '' }, WRITTEN), [])
  assert.match(mistakesOfEdit({ PHONE: '1', STAGE_ID: '', ORIGIN_ID: 'acme:9' }, WRITTEN).join('\n'), /ORIGIN_ID is how dealbridge finds[^]*writes no PHONE; it writes STAGE_ID, TITLE[^]*STAGE_ID needs a stage/)
  for (const name of ['ID', 'ORIGINATOR_ID', 'ORIGIN_ID']) assert.equal(mistakesOfEdit({ [name]: '1' }, [name]).length, 1, name)
  assert.match(mistakesOfEdit({}, WRITTEN).join(), /at least one field/)
})

test('an edit has at most 50 fields and 64 KB, counted in bytes', () => {
  const fields = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`UF_${i}`, 'x']))
  assert.deepEqual(mistakesOfEdit(fields(50), Object.keys(fields(50))), [])
  assert.match(mistakesOfEdit(fields(51), Object.keys(fields(51))).join(), /at most 50 fields, not 51/)
  assert.deepEqual(mistakesOfEdit({ TITLE: 'a'.repeat(60_000) }, WRITTEN), [])
  assert.match(mistakesOfEdit({ TITLE: 'я'.repeat(33_000) }, WRITTEN).join(), /at most 64 KB, not 65/)
})

test('what the log holds for an edit is read as one only within the same bounds, and nothing makes a reader throw', () => {
  assert.deepEqual(readEdit('{"TITLE":"A"}', 'h'), { fields: { TITLE: 'A' }, of: 'h' })
  for (const text of ['', 'no', 'null', '[]', '"A"', '{}', '{"TITLE":1}', '{"TITLE":null}', '{"ORIGIN_ID":"acme:9"}', '{"title":"A"}', '{"T\\u0000":"A"}', JSON.stringify({ TITLE: 'a'.repeat(70_000) })]) assert.equal(readEdit(text, 'h'), null, text.slice(0, 20))
  for (const state of ['', 'a\u0000', 'a b']) assert.equal(readEdit('{"TITLE":"A"}', state), null, 'an edit of no state at all')
})

test('an edit counts for the state it was given for, with the fields that the mapping still writes', () => {
  const edit = { fields: { TITLE: 'A', PHONE: '1' }, of: 'seen' }
  assert.deepEqual(editedFor(edit, { hash: 'seen' }, WRITTEN), { TITLE: 'A' })
  assert.deepEqual([editedFor(edit, { hash: 'newer' }, WRITTEN), editedFor(null, { hash: 'seen' }, WRITTEN), editedFor(undefined, { hash: '' }, WRITTEN)], [{}, {}, {}])
})
