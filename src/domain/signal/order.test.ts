import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldOrder, orderSignal } from './order.ts'
import type { Wish } from './order.ts'
import type { SignalOrder } from './signal.ts'

const wishOf = (...orders: SignalOrder[]): Wish | undefined => orders.reduce<Wish | undefined>(foldOrder, undefined)

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

test('an order is a signal of the channel operator, with the time it was given', () => {
  const event = orderSignal('release', { portal: 'acme', dealId: '7' }, { eventId: 'e', correlationId: 'c', payloadHash: 'h', at: 5 })
  assert.deepEqual([event.channel, event.order, event.kind, event.receivedAt, event.occurredAt, event.payload], ['operator', 'release', 'unknown', 5, 5, '{}'])
})
