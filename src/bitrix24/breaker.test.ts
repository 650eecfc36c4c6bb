import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import type { FailureClass } from '../domain/transfer/failure.ts'
import { createBreaker, tooLate } from './breaker.ts'
import type { Breaker } from './breaker.ts'
import type { Answer } from './response.ts'

const OK: Answer = { kind: 'ok', result: {}, portalNow: null, time: null }
const no = (kind: FailureClass): Answer => ({ kind: 'failed', failure: { class: kind, code: 'x', detail: '' } })
const fire = (breaker: Breaker, answer: Answer, times = 1): Promise<Answer[]> => Promise.all(Array.from({ length: times }, () => breaker.fire(() => Promise.resolve(answer))))
const codeOf = (answer: Answer | undefined): string => answer?.kind === 'failed' ? answer.failure.code : 'ok'

test('what a portal refuses is no outage: its circuit stays closed, and each answer is handed on as it is', async () => {
  const breaker = createBreaker()
  for (const kind of ['permanent', 'missing', 'throttled', 'portal'] as const) {
    for (const answer of await fire(breaker, no(kind), 10)) assert.deepEqual(answer, no(kind))
  }
  assert.equal(breaker.state(), 'closed')
  const late = createBreaker()
  await fire(late, { kind: 'failed', failure: tooLate }, 20)
  assert.equal(late.state(), 'closed', 'our own lateness is none either')
})

test('planted bug: a breaker that counts refusals is opened by five bad deals of a portal that works', async () => {
  const breaker = createBreaker({ failing: new Set(['transient', 'unknown', 'unsent', 'permanent']) })
  await fire(breaker, no('permanent'), 5)
  assert.equal(breaker.state(), 'open', 'the planted bug was not caught')
})

test('five calls without a good answer open it, whatever kind they are, and four do not; then nothing is sent', async () => {
  for (const kind of ['transient', 'unknown', 'unsent'] as const) {
    const breaker = createBreaker()
    for (let i = 0; i < 4; i++) assert.deepEqual(await fire(breaker, no(kind)), [no(kind)])
    assert.equal(breaker.state(), 'closed')
    await fire(breaker, no(kind))
    assert.equal(breaker.state(), 'open')
    let sent = 0
    const refused = await breaker.fire(() => { sent += 1; return Promise.resolve(OK) })
    assert.deepEqual([codeOf(refused), refused.kind === 'failed' && refused.failure.class, sent], ['breaker_open', 'unsent', 0])
  }
})

test('half of the calls failing opens it, fewer do not', async () => {
  const mixed = async (good: number, bad: number): Promise<string> => {
    const breaker = createBreaker()
    for (let i = 0; i < good; i++) await fire(breaker, OK)
    for (let i = 0; i < bad; i++) await fire(breaker, no('transient'))
    return breaker.state()
  }
  assert.deepEqual([await mixed(5, 5), await mixed(6, 5)], ['open', 'closed'])
})

test('after its rest one call probes: a failure opens it again, an answer, be it a refusal, closes it', async () => {
  const breaker = createBreaker({ resetMs: 30 })
  await fire(breaker, no('transient'), 5)
  await eventually(() => breaker.state() === 'probing')
  await fire(breaker, no('transient'))
  assert.equal(breaker.state(), 'open')
  await eventually(() => breaker.state() === 'probing')
  const both = [breaker.fire(() => Promise.resolve(no('permanent'))), breaker.fire(() => Promise.resolve(OK))]
  assert.deepEqual((await Promise.all(both)).map(codeOf), ['x', 'breaker_open'], 'only one probe goes out')
  assert.equal(breaker.state(), 'closed')
})

/** A circuit whose probe hangs; gives how to answer that probe, and what it came to. */
async function hangingProbe (unansweredMs: number): Promise<{ breaker: Breaker, answer: (told: Answer) => void, probe: Promise<Answer> }> {
  const breaker = createBreaker({ resetMs: 30, unansweredMs })
  await fire(breaker, no('unknown'), 5)
  await eventually(() => breaker.state() === 'probing')
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const probe = breaker.fire(() => promise)
  assert.equal(breaker.state(), 'open', 'a probe is on its way')
  return { breaker, answer: resolve, probe }
}

test('a probe that hangs does not keep the next one from going out, and a late answer of it closes the circuit too', async () => {
  const first = await hangingProbe(20)
  await eventually(() => first.breaker.state() === 'probing')
  await fire(first.breaker, OK)
  assert.equal(first.breaker.state(), 'closed', 'the second probe was answered')
  first.answer(no('unknown'))
  await first.probe
  assert.equal(first.breaker.state(), 'closed', 'the first one says nothing any more')
  const late = await hangingProbe(1)
  const other = late.breaker
  await eventually(() => other.state() === 'probing')
  late.answer(OK)
  assert.deepEqual(await late.probe, OK)
  assert.equal(other.state(), 'closed')
})

test('planted bug: a breaker that waits for its probe sends no other one while that hangs', async () => {
  const { breaker, answer, probe } = await hangingProbe(60_000)
  const refused = await breaker.fire(() => Promise.resolve(OK))
  assert.equal(codeOf(refused), 'breaker_open', 'the planted bug was not caught')
  answer(OK)
  await probe
})

test('a circuit that has opened lets a call try again after five seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const breaker = createBreaker()
  await fire(breaker, no('transient'), 5)
  t.mock.timers.tick(4_999)
  assert.equal(breaker.state(), 'open')
  t.mock.timers.tick(1)
  assert.equal(breaker.state(), 'probing')
})

test('a mistake of ours over one request is told as such, and leaves open whether the request left', async () => {
  const answer = await createBreaker().fire(() => Promise.reject(new TypeError('a bug')))
  assert.deepEqual(answer, { kind: 'failed', failure: { class: 'unknown', code: 'internal', detail: 'a bug' } })
})
