import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine, jsonNumber, shape } from './shape.ts'

test('a cell that a spreadsheet would run gets an apostrophe, and a number stays a number', () => {
  assert.equal(csvLine(['=1+1', '+7', '-x', '@a', '\tb', '\rc', 'plain', -3.5, null]), '\'=1+1,\'+7,\'-x,\'@a,\'\tb,"\'\rc",plain,-3.5,\r\n')
})

test('quotes, commas and line ends are quoted', () => {
  assert.equal(csvLine(['a"b', 'c,d', 'e\nf']), '"a""b","c,d","e\nf"\r\n')
})

test('an id that a double cannot hold goes as text', () => {
  assert.equal(jsonNumber(9007199254740991n), 9007199254740991)
  assert.equal(jsonNumber(9007199254740993n), '9007199254740993')
})

test('money stays a decimal text and a named decimal becomes a number', () => {
  assert.deepEqual(shape({ opportunity: '0.10', seconds_to_land: '4.200' }, ['opportunity', 'seconds_to_land'], ['seconds_to_land']), { opportunity: '0.10', seconds_to_land: 4.2 })
})
