import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../platform/errors.ts'
import { patiently } from './patience.ts'

const away = new AppError('registry_away', 'away', { retryable: true })
const fails = (times: number, error: Error): { step: () => Promise<string>, calls: () => number } => {
  let calls = 0
  return { step: () => { calls += 1; return calls <= times ? Promise.reject(error) : Promise.resolve('made') }, calls: () => calls }
}

test('a step that finds a part away is repeated until the part is there, and the wait is told once', async () => {
  const told: string[] = []
  const { step, calls } = fails(3, away)
  assert.equal(await patiently(step, { forMs: 60_000, everyMs: 1, waiting: error => told.push(error.code) }), 'made')
  assert.equal(calls(), 4)
  assert.deepEqual(told, ['registry_away'])
})

test('what a repetition cannot mend is thrown at once', async () => {
  for (const error of [new AppError('schema_incompatible', 'no'), new TypeError('ours')]) {
    const { step, calls } = fails(1, error)
    await assert.rejects(patiently(step, { forMs: 60_000, everyMs: 1, waiting: () => assert.fail('nothing to wait for') }), error)
    assert.equal(calls(), 1)
  }
})

test('a part that stays away is given up after the time allowed', async () => {
  const { step, calls } = fails(Number.POSITIVE_INFINITY, away)
  await assert.rejects(patiently(step, { forMs: 20, everyMs: 1, waiting: () => undefined }), away)
  assert.ok(calls() > 1)
})
