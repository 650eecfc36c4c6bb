import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { jsonCall, openIngest } from '../../test/support/ingest-room.ts'
import type { IngestRoom } from '../../test/support/ingest-room.ts'

/** A read side that says "landed" at the n-th question. Each question moves the timers on by 100 ms, the pause between two. */
function setUp (t: TestContext, landsAt: number): IngestRoom & { asked: { landed: number, link: number, offsets: Set<bigint> } } {
  const asked = { landed: 0, link: 0, offsets: new Set<bigint>() }
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const room = openIngest(t, {
    links: {
      findLink: () => { asked.link++; return Promise.resolve('456') },
      findLanded (_portal, _dealId, offset) {
        asked.landed++
        asked.offsets.add(offset)
        if (asked.landed >= landsAt) return Promise.resolve({ ended: true, targetDealId: '789' })
        setImmediate(() => { t.mock.timers.tick(100) })
        return Promise.resolve({ ended: false, targetDealId: null })
      }
    }
  })
  return { ...room, asked }
}
const target = async (room: IngestRoom, prefer: string): Promise<unknown> => (await room.app.inject(jsonCall({ data: { FIELDS: { ID: Math.ceil(Math.random() * 1e9) } } }, { prefer }))).json<{ target_deal_id: unknown }>().target_deal_id

test('a wish to wait is answered with the target deal as soon as the very signal has landed', async (t) => {
  const room = setUp(t, 3)
  assert.equal(await target(room, 'wait=55'), 789)
  assert.deepEqual([room.asked.landed, room.asked.link, [...room.asked.offsets]], [3, 0, [0n]])
})

test('a wait ends after its seconds with what is known then', async (t) => {
  const room = setUp(t, Infinity)
  assert.equal(await target(room, 'wait=2'), 456)
  assert.ok(room.asked.landed >= 18 && room.asked.landed <= 20, `${room.asked.landed}`)
  assert.equal(room.asked.link, 1)
})

test('nobody waits longer than 55 s, whatever is wished', async (t) => {
  for (const prefer of ['wait=55', 'wait=56', 'wait=3600', 'wait=999999999']) {
    const room = setUp(t, Infinity)
    assert.equal(await target(room, prefer), 456, prefer)
    assert.ok(room.asked.landed > 500 && room.asked.landed <= 550, `${prefer}: ${room.asked.landed}`)
    t.mock.timers.reset()
  }
})

test('a wish that is none is no reason to wait: the answer comes at once with the known link', async (t) => {
  const room = setUp(t, Infinity)
  for (const prefer of ['', 'wait', 'wait=', 'wait=0', 'wait=-1', 'wait=x', 'wait=1.5', 'wait=1e3', 'await=5', 'wait=9999999999', 'return=minimal', `${'x'.repeat(300)}, wait=5`]) assert.equal(await target(room, prefer), 456, prefer)
  assert.equal(room.asked.landed, 0)
})

test('a wish stands among others, in any case and in quotes', async (t) => {
  const room = setUp(t, 1)
  for (const prefer of ['respond-async, wait=5', 'wait=5; foo=bar', 'WAIT=5', 'wait="5"', 'wait = 5']) assert.equal(await target(room, prefer), 789, prefer)
})

test('a wait ends when the process stops', async (t) => {
  const asked = Promise.withResolvers<undefined>()
  const room = openIngest(t, { links: { findLink: () => Promise.resolve(null), findLanded: () => { asked.resolve(undefined); return Promise.resolve({ ended: false, targetDealId: null }) } } })
  const answer = room.app.inject(jsonCall({}, { prefer: 'wait=55' }))
  await asked.promise
  const began = performance.now()
  await room.ingest.stop()
  assert.equal((await answer).statusCode, 200)
  assert.ok(performance.now() - began < 5000)
})

test('a duplicate of which nothing is appended waits too, until the deal stands in the target', async (t) => {
  let asked = 0
  const room = openIngest(t, { links: { findLink: () => Promise.resolve(++asked < 3 ? null : '456'), findLanded: () => Promise.resolve({ ended: true, targetDealId: '456' }) } })
  const answers = await Promise.all(Array.from({ length: 6 }, () => room.app.inject(jsonCall({}, { prefer: 'wait=10' }))))
  assert.ok(room.events.length < 5, 'none was counted only')
  assert.deepEqual(answers.map(a => a.json<{ target_deal_id: unknown }>().target_deal_id), answers.map(() => 456))
})

test('nobody waits for a deal that no route wants', async (t) => {
  let asked = 0
  const room = openIngest(t, { links: { findLink: () => { asked++; return Promise.resolve(null) }, findLanded: () => assert.fail('was asked') } })
  const answer = await room.app.inject(jsonCall({ auth: { domain: 'gamma.bitrix24.ru' } }, { prefer: 'wait=1' }))
  assert.equal(answer.json<{ status: string }>().status, 'skipped')
  assert.equal(asked, 1)
})
