import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planned } from '../../test/support/planned.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { takeLoad } from './load.ts'
import type { Load } from './load.ts'
import { createLookUps } from './look-ups.ts'
import type { LookUps } from './look-ups.ts'
import { createTurns } from './turns.ts'
import type { Turns } from './turns.ts'
import type { Planned } from './work.ts'

type Client = Pick<PortalClient, 'room' | 'batchSize'>
const free: Client = { room: () => Infinity, batchSize: () => 50 }
const turns = (): { turns: Turns, lookUps: LookUps } => ({ turns: createTurns(new Map()), lookUps: createLookUps(new Map()) })
const queuesOf = (ready: Planned[], toLookUp: Planned[]): { ready: Planned[], toLookUp: Planned[], book: { queue: [] } } => ({ ready, toLookUp, book: { queue: [] } })
const creates = (count: number, portal = 'acme'): Planned[] => Array.from({ length: count }, () => planned('new', { portal }))
const sizes = (load: Load): number[] => [load.writes.length, load.lookUps.length]

test('a look-up rides in the request of other deals, and text that looks like a reference travels alone', () => {
  const ready = [planned('a'), planned('$result[c1][item][id]'), planned('b')]
  const queues = queuesOf(ready, [planned('new')])
  const how = { client: free, ...turns() }
  assert.deepEqual([takeLoad(queues, how), takeLoad(queues, how), takeLoad(queues, how)].map(sizes), [[1, 1], [1, 0], [1, 0]])
})

test('one look-up asks for 200 creates', () => {
  assert.deepEqual(sizes(takeLoad(queuesOf([], creates(250)), { client: free, ...turns() })), [0, 200])
})

test('a look-up waits while writes of the same portal fill this request and the next, and takes no place in them', () => {
  const queues = queuesOf(creates(120), creates(60))
  const how = { client: free, ...turns() }
  assert.deepEqual([takeLoad(queues, how), takeLoad(queues, how)].map(sizes), [[50, 0], [49, 60]])
})

test('a create among updates without end is looked up in the fourth request at the latest', () => {
  const queues = queuesOf([], creates(1))
  const how = { client: free, ...turns() }
  const loads = Array.from({ length: 4 }, () => {
    while (queues.ready.length < 200) queues.ready.push(planned('old', { link: '1' }))
    return takeLoad(queues, how)
  })
  assert.deepEqual(loads.map(sizes), [[50, 0], [50, 0], [50, 0], [49, 1]])
})

test('who has nothing ready is looked up at once, however much of others is ready', () => {
  const how = { client: free, ...turns() }
  assert.deepEqual(sizes(takeLoad(queuesOf(creates(200), [...creates(90), ...creates(1, 'beta')]), how)), [49, 91])
  const late = creates(1).map(p => ({ ...p, claim: { ...p.claim, lane: 'backfill' as const } }))
  assert.deepEqual(sizes(takeLoad(queuesOf(creates(200), late), how)), [49, 1], 'a lane counts for itself')
})

test('a look-up does not wait for writes whose method has no time left', () => {
  const updates = Array.from({ length: 150 }, () => planned('old', { link: '1' }))
  const client: Client = { ...free, room: method => method === 'crm.item.update' ? 0 : Infinity }
  assert.deepEqual(sizes(takeLoad(queuesOf(updates, creates(3)), { client, ...turns() })), [0, 3])
})

test('a backlog of creates of two portals spends less than one command of a hundred on look-ups', () => {
  const how = { client: free, ...turns() }
  const queues = queuesOf([], [])
  let [left, commands, lookUps] = [5000, 0, 0]
  while (left + queues.ready.length + queues.toLookUp.length > 0) {
    // As the dispatcher reads ahead: 300 deals in hand, of each portal a page at a time.
    for (const portal of ['acme', 'beta']) {
      const room = Math.min(left, 300 - queues.ready.length - queues.toLookUp.length)
      if (room >= 50) { queues.toLookUp.push(...creates(50, portal)); left -= 50 }
    }
    const load = takeLoad(queues, how)
    commands += load.writes.length + Math.min(1, load.lookUps.length)
    lookUps += Math.min(1, load.lookUps.length)
    queues.ready.push(...load.lookUps)
  }
  assert.ok(lookUps / commands < 0.01, `${lookUps} of ${commands}`)
})

test('a load holds no more writes of a method than its time has room for, the live ones first', () => {
  const client: Client = { room: (method: string) => method === 'crm.item.add' ? 2 : method === 'crm.item.update' ? 1 : Infinity, batchSize: () => 50 }
  const late = Array.from({ length: 5 }, () => { const p = planned('old'); return { ...p, claim: { ...p.claim, lane: 'backfill' as const } } })
  const ready = [...late, planned('new 1'), planned('new 2'), planned('u', { link: '1' }), planned('v', { link: '1' })]
  const load = takeLoad(queuesOf(ready, []), { client, ...turns() })
  assert.deepEqual(load.writes.map(p => p.state.title).toSorted(), ['new 1', 'new 2', 'u'])
  assert.equal(ready.length, 6)
})
