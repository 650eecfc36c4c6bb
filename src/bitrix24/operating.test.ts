import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../domain/transfer/failure.ts'
import { createOperating } from './operating.ts'

const refusal = (code: string, more: Partial<Failure> = {}): Failure => ({ class: 'throttled', code, detail: '', ...more })
const used = refusal('operation_time_limit')

function clocked (): { operating: ReturnType<typeof createOperating>, pass: (ms: number) => void } {
  let at = 5000
  return { operating: createOperating({ limitSeconds: 480, clock: () => at }), pass: (ms) => { at += ms } }
}

test('a method whose time is used up waits until the reset that its last good answer told, and other methods do not', () => {
  const { operating, pass } = clocked()
  operating.note('crm.item.update', { operating: 470, resetInMs: 10_000, tookMs: null })
  operating.note('crm.item.add', { operating: 470, resetInMs: 300_000, tookMs: null })
  operating.note('crm.item.add', { operating: 479, resetInMs: 200_000, tookMs: null })
  pass(50_000)
  assert.equal(operating.withWait('crm.item.add', used).waitMs, 150_000)
  assert.deepEqual(['crm.item.add', 'crm.item.update'].map(method => operating.heldMs(method)), [151_000, 0], 'the reset is told in whole seconds')
  pass(150_999)
  assert.equal(operating.heldMs('crm.item.add'), 1)
  pass(1)
  assert.equal(operating.heldMs('crm.item.add'), 0)
})

test('without a reset that lies ahead the wait is half a minute, and no wait is under a second or over ten minutes', () => {
  const { operating, pass } = clocked()
  const wait = (resetInMs: number | null): number | undefined => {
    operating.note('m', { operating: 470, resetInMs, tookMs: null })
    return operating.withWait('m', used).waitMs
  }
  assert.equal(operating.withWait('never called', used).waitMs, 30_000)
  assert.deepEqual([wait(null), wait(10), wait(9e9), wait(-5)], [30_000, 1_000, 600_000, 30_000])
  wait(2000)
  pass(2000)
  assert.equal(operating.withWait('m', used).waitMs, 30_000, 'refused again after its reset')
})

test('a method that is refused far from its limit is asked again after half a minute, whatever reset it told', () => {
  const { operating } = clocked()
  operating.note('m', { operating: 20, resetInMs: 320_000, tookMs: null })
  assert.deepEqual([operating.withWait('m', used).waitMs, operating.heldMs('m')], [30_000, 30_000])
})

test('a good answer frees the method, what the portal itself told to wait is obeyed, and no other failure holds anything', () => {
  const { operating } = clocked()
  assert.equal(operating.withWait('m', { ...used, waitMs: 7000 }).waitMs, 7000)
  assert.equal(operating.heldMs('m'), 7000)
  operating.note('m', null)
  assert.equal(operating.heldMs('m'), 0)
  const other = refusal('QUERY_LIMIT_EXCEEDED', { waitMs: 1000 })
  assert.equal(operating.withWait('m', other), other)
  assert.equal(operating.heldMs('m'), 0)
})
