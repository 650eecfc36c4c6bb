import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldOrder, orderSignal } from './order.ts'
import type { Wish } from './order.ts'
import type { SignalOrder } from './signal.ts'

const wishOf = (...orders: SignalOrder[]): Wish | undefined => orders.reduce<Wish | undefined>((wish, order) => foldOrder(wish, { order }), undefined)

test('a hold stays through later changes and ends with a release or a skip', () => {
  for (const [orders, hold] of [[[''], undefined], [['hold'], true], [['hold', '', ''], true], [['hold', 'release'], false], [['hold', 'skip'], false], [['release', 'hold'], true]] as const) {
    assert.equal(wishOf(...orders)?.hold, hold, orders.join())
  }
})

test('a skip counts only where no change and no other order came with it', () => {
  for (const [orders, skip] of [[['skip'], true], [['skip', 'skip'], true], [['', 'skip'], false], [['skip', ''], false], [['release', 'skip'], false], [['skip', 'release'], false]] as const) {
    assert.equal(wishOf(...orders)?.skip, skip, orders.join())
  }
})

test('the last order counts: an edit stays through later changes, another takes its place, and any other order takes it back', () => {
  const edit = (title: string): Parameters<typeof foldOrder>[1] => ({ order: 'edit', edit: JSON.stringify({ TITLE: title }), editOf: 'h' })
  const after = (...signals: Parameters<typeof foldOrder>[1][]): Wish | undefined => signals.reduce<Wish | undefined>(foldOrder, undefined)
  assert.deepEqual(after({ order: 'hold' }, edit('A')), { hold: false, skip: false, edit: { fields: { TITLE: 'A' }, of: 'h' } })
  assert.deepEqual(after(edit('A'), edit('B'), {}, { order: '' })?.edit, { fields: { TITLE: 'B' }, of: 'h' })
  for (const order of ['release', 'skip', 'hold'] as const) assert.equal(after(edit('A'), { order })?.edit, null, order)
  assert.equal(after({ order: '' })?.edit, undefined, 'a change says nothing of the edit that the row holds')
  assert.deepEqual(after({ order: 'edit', edit: 'no JSON', editOf: 'h' }), { hold: false, skip: false, edit: null })
})

test('an edit goes into the log as a signal and comes back as it was given', () => {
  const edit = { fields: { TITLE: 'a "quoted" = \u0000 title', COMMENTS: '' }, of: 'h' }
  const event = orderSignal({ edit }, { portal: 'acme', dealId: '7' }, { eventId: 'e', correlationId: 'c', payloadHash: 'p', at: 5 })
  assert.equal(event.order, 'edit')
  assert.deepEqual(foldOrder(undefined, event).edit, edit)
})

test('an order is a signal of the channel operator, with the time it was given', () => {
  const event = orderSignal('release', { portal: 'acme', dealId: '7' }, { eventId: 'e', correlationId: 'c', payloadHash: 'h', at: 5 })
  assert.deepEqual([event.channel, event.order, event.kind, event.receivedAt, event.occurredAt, event.payload], ['operator', 'release', 'unknown', 5, 5, '{}'])
})
