import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPace } from './pace.ts'

test('a refusal lowers the rate once however many follow at once, and calm raises it step by step to the whole', () => {
  let at = 0
  const pace = createPace(() => at)
  assert.equal(pace.part(), 1)
  for (let i = 0; i < 5; i += 1) pace.refused()
  assert.equal(pace.part(), 0.85)
  at += 119_999
  assert.equal(pace.part(), 0.85)
  at += 1
  assert.ok(Math.abs(pace.part() - 0.9) < 1e-9)
  for (let i = 0; i < 10; i += 1) { at += 120_000; pace.part() }
  assert.equal(pace.part(), 1)
})

test('however often it is refused, a quarter of the rate is left', () => {
  let at = 0
  const pace = createPace(() => at)
  for (let i = 0; i < 50; i += 1) { at += 5_000; pace.refused() }
  assert.equal(pace.part(), 0.25)
})

test('after a storm it climbs soon to a step below the rate at which the storm began, and slowly from there', () => {
  let at = 0
  const pace = createPace(() => at)
  for (let i = 0; i < 10; i += 1) { at += 5_000; pace.refused() }
  assert.equal(pace.part(), 0.25)
  for (let i = 0; i < 6; i += 1) { at += 10_000; pace.part() }
  assert.equal(pace.part(), 0.85)
  at += 119_999
  assert.equal(pace.part(), 0.85)
  at += 1
  assert.equal(pace.part(), 0.9)
})

test('where a raise is refused again, it climbs to below that only', () => {
  let at = 0
  const pace = createPace(() => at)
  for (let i = 0; i < 4; i += 1) { at += 5_000; pace.refused() }
  at += 10_000
  const raised = pace.part()
  assert.ok(raised < 0.85)
  pace.refused()
  for (let i = 0; i < 11; i += 1) { at += 10_000; assert.ok(pace.part() <= raised * 0.85 + 1e-9) }
})
