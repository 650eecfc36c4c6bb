import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forecast } from './forecast.ts'

const NOW = 1_000_000
const FIVE_MINUTES = 300_000

test('a backlog clears when its open signals have had their end at the pace of the last minutes', () => {
  assert.deepEqual(forecast({ open: 600, ended: 300, overMs: FIVE_MINUTES }, NOW), { kind: 'clears', at: NOW + 600_000 })
  assert.deepEqual(forecast({ open: 1, ended: 3, overMs: 1000 }, NOW), { kind: 'clears', at: NOW + 334 })
})

test('nothing open is clear, whatever ended', () => {
  assert.deepEqual([forecast({ open: 0, ended: 0, overMs: FIVE_MINUTES }, NOW), forecast({ open: 0, ended: 9, overMs: FIVE_MINUTES }, NOW)], [{ kind: 'clear' }, { kind: 'clear' }])
})

test('something open and nothing ended is stuck, and so is a pace that would need months', () => {
  assert.deepEqual([forecast({ open: 1, ended: 0, overMs: FIVE_MINUTES }, NOW), forecast({ open: 1e9, ended: 1, overMs: FIVE_MINUTES }, NOW)], [{ kind: 'stuck' }, { kind: 'stuck' }])
})
