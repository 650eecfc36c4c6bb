import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import { readAll } from '../eventlog/contract.ts'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { giveOrders } from './give.ts'

const deals = Array.from({ length: 450 }, (_, i) => ({ portal: 'acme', dealId: String(i + 1) }))

test('every deal gets one order of the channel operator, and its place in the log comes back', async () => {
  const log = createMemoryLog()
  const given = await giveOrders(log, { order: 'release', deals }, { patienceMs: 5_000 })
  const events = (await readAll(log)).map(record => ({ deal: record.event.dealId, offset: record.offset, ...record.event as DealChangeSignalled }))
  assert.deepEqual(new Set(events.map(event => `${event.deal} ${event.offset} ${event.order} ${event.channel}`)), new Set(given.map(({ dealId, offset }) => `${dealId} ${offset} release operator`)))
  assert.deepEqual([given.length, events.length, new Set(events.map(event => event.payloadHash)).size], [450, 450, 450])
})

test('a log that takes nothing ends the command in plain words, with what is given for sure', async () => {
  const log = createMemoryLog()
  let left = 250
  const append: typeof log.append = event => left-- > 0 ? log.append(event) : new Promise(() => undefined)
  await assert.rejects(giveOrders({ append }, { order: 'hold', deals }, { patienceMs: 50 }), /the log takes no orders now; 200 of 450 are given for sure/)
})
