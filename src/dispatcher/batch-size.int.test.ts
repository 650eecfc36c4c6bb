import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { doubledAdds } from '../../simulator/oracle.ts'
import { openDispatcher } from '../../test/support/dispatcher-room.ts'
import type { DispatcherRoom } from '../../test/support/dispatcher-room.ts'
import { eventually } from '../../test/support/eventually.ts'
import type { EngineParts } from './context.ts'
import { parked } from './outcome.ts'
import { sendLoad } from './target.ts'

const DEALS = 200
// Four requests may be on their way before the first of them is cut, and four smaller ones after it.
const MOST_CUTS = 8

// A target that needs 40 ms for a command and ends a request after 1 s, so that it cuts one of more than 25 commands.
const SLOW = { target: { command_ms: 40, limits: { per_second: 1000, burst: 10_000, request_seconds: 1 } } }

async function slowDispatcher (t: TestContext, size: number | null = null): Promise<DispatcherRoom> {
  const room = await openDispatcher(t, SLOW)
  const ids = Array.from({ length: DEALS }, (_, i) => room.acme.create({ TITLE: `Deal ${i}` }))
  await signalsAtOnce(room, ids)
  await room.dispatcher({ unknownWaitMs: 1500, clients: new Map([...room.clients(undefined, 1000)].map(([name, client]) => [name, size === null ? client : { ...client, batchSize: () => size }])) })
  return room
}

/** Before the dispatcher starts, so that it takes all of them into one request. */
async function signalsAtOnce (room: DispatcherRoom, ids: readonly number[]): Promise<void> {
  await Promise.all(ids.map(id => room.signal(id)))
}

async function allAtRest (room: DispatcherRoom, deals: number): Promise<void> {
  await eventually(async () => (await room.pool.query('select from dispatch.work where status in (\'idle\', \'parked\') and covered_offset = last_offset')).rowCount === deals, { deadlineMs: 60_000, everyMs: 100 })
}

/** How many requests the target has cut for their length. */
function cuts (room: DispatcherRoom): number {
  return room.main.journal().filter(entry => entry.kind === 'answered' && entry.error === 'HTTP 504').length
}

test('a request that the portal cuts for its length is followed by smaller ones, and each deal is there once', { timeout: 90_000 }, async (t) => {
  const room = await slowDispatcher(t)
  await allAtRest(room, DEALS)
  assert.equal(room.main.deals().length, DEALS)
  assert.deepEqual(doubledAdds(room.main.journal()), [])
  assert.ok(cuts(room) <= MOST_CUTS, `${cuts(room)} requests were cut`)
})

test('planted bug: requests that stay full are cut again and again', { timeout: 90_000 }, async (t) => {
  const room = await slowDispatcher(t, 50)
  await eventually(() => cuts(room) > MOST_CUTS, { deadlineMs: 60_000 })
})

const POISON = 5

/** Twelve deals, of which the target refuses every request that holds one; gives the states of their rows. */
async function poisoned (t: TestContext, parts: Partial<EngineParts> = {}): Promise<string[]> {
  const room = await openDispatcher(t)
  const ids = Array.from({ length: 12 }, (_, i) => room.acme.create({ TITLE: i === POISON ? 'refused' : `Deal ${i}` }))
  room.main.fault({ where: 'answer', mode: '413', contains: 'refused' })
  await signalsAtOnce(room, ids)
  await room.dispatcher({ parts })
  await allAtRest(room, ids.length)
  return (await Promise.all(ids.map(id => room.work(id)))).map(row => String(row['status']))
}

const oneParked = Array.from({ length: 12 }, (_, i) => i === POISON ? 'parked' : 'idle')

test('a request that is refused as a whole parks nobody but the deal that is refused when it stands alone', { timeout: 90_000 }, async (t) => {
  assert.deepEqual(await poisoned(t), oneParked)
})

test('a target that cuts long requests and refuses one of its deals by refusing the request gets every other deal once', { timeout: 90_000 }, async (t) => {
  const room = await openDispatcher(t, SLOW)
  const ids = Array.from({ length: 60 }, (_, i) => room.acme.create({ TITLE: i === POISON ? 'refused' : `Deal ${i}` }))
  room.main.fault({ where: 'answer', mode: '413', contains: 'refused' })
  await signalsAtOnce(room, ids)
  await room.dispatcher({ unknownWaitMs: 1500, clients: room.clients(undefined, 1000) })
  await allAtRest(room, ids.length)
  assert.deepEqual(doubledAdds(room.main.journal()), [])
  assert.equal(room.main.deals().length, ids.length - 1)
  assert.equal((await room.work(ids[POISON] ?? 0))['status'], 'parked')
})

test('planted bug: a whole request that is refused parks the healthy deals in it', { timeout: 90_000 }, async (t) => {
  const blames: EngineParts['sendLoad'] = async (client, load, how) => {
    const result = await sendLoad(client, load, how)
    const blamed = result.isRefused ? load.writes.map(planned => parked(planned, { reason: 'target_refused', link: null, detail: '' }, how.epoch)) : result.outcomes
    return { ...result, outcomes: blamed }
  }
  assert.notDeepEqual(await poisoned(t, { sendLoad: blames }), oneParked)
})
