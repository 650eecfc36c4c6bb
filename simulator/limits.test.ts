import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APP, batch, call, refusal, testPortal, tokens } from './testing.ts'
import type { TestPortal } from './testing.ts'

const MINUTE = 60_000
const seconds = { limits: { per_second: 1000, burst: 1000, operating_seconds: 100 }, switches: { operating_floor_ms: 30_000 } }
const operating = async (at: TestPortal): Promise<[number, number]> => {
  const time = (await call(at, 'user.current')).body['time'] as { operating: number, operating_reset_at: number }
  return [time.operating, time.operating_reset_at]
}

test('50 requests at once are taken, the 51st is refused, and 2 a second drain', async (t) => {
  const at = await testPortal(t)
  for (let i = 0; i < 50; i += 1) assert.equal((await call(at, 'user.current')).status, 200)
  assert.deepEqual(refusal(await call(at, 'user.current')), [503, 'QUERY_LIMIT_EXCEEDED'])
  at.advance(499)
  assert.equal((await call(at, 'user.current')).status, 503)
  at.advance(1)
  assert.equal((await call(at, 'user.current')).status, 200)
  assert.deepEqual([at.stats().refused, at.stats().highestLevel], [2, 50])
})

test('a refused request fills the bucket only with its switch', async (t) => {
  for (const fills of [false, true]) {
    const at = await testPortal(t, { limits: { per_second: 1, burst: 1 }, switches: { refused_calls_fill_bucket: fills } })
    for (let i = 0; i < 3; i += 1) await call(at, 'user.current')
    at.advance(1000)
    assert.equal((await call(at, 'user.current')).status, fills ? 503 : 200)
  }
})

test('a batch counts as one request whatever it holds', async (t) => {
  const at = await testPortal(t)
  await batch(at, Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, 'user.current'])))
  assert.equal(at.stats().highestLevel, 1)
})

test('another client behind the same address eats the same bucket', async (t) => {
  const at = await testPortal(t, { limits: { per_second: 1, burst: 10 } })
  at.fault({ where: 'limit', mode: 'foreign', requests: 4 })
  assert.equal((await call(at, 'user.current')).status, 200)
  assert.equal((await call(at, 'user.current')).status, 200)
  assert.deepEqual(refusal(await call(at, 'user.current')), [503, 'QUERY_LIMIT_EXCEEDED'])
})

test('a full bucket refuses, and the overload block stays until it is lifted', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'limit', mode: 'full', times: 1 })
  assert.deepEqual(refusal(await call(at, 'user.current')), [503, 'QUERY_LIMIT_EXCEEDED'])
  at.fault({ where: 'limit', mode: 'overload' })
  for (let i = 0; i < 2; i += 1) assert.deepEqual(refusal(await call(at, 'user.current')), [503, 'OVERLOAD_LIMIT'])
  at.clearFaults()
  at.advance(MINUTE)
  assert.equal((await call(at, 'user.current')).status, 200)
})

test('the call that crosses the operating limit completes, the next is 429 while the sum is above it', async (t) => {
  const at = await testPortal(t, seconds)
  const start = Date.parse('2026-03-01T12:00:00Z')
  assert.deepEqual(await operating(at), [30, start / 1000 + 600])
  for (let i = 0; i < 3; i += 1) assert.equal((await call(at, 'user.current')).status, 200)
  assert.deepEqual(refusal(await call(at, 'user.current')), [429, 'OPERATION_TIME_LIMIT'])
  assert.equal((await call(at, 'crm.deal.list')).status, 200, 'another method has time of its own')
  assert.equal(at.stats().throttled, 1)
})

test('when the oldest of ten one-minute baskets is 600 seconds old, only that basket leaves the sum', async (t) => {
  const at = await testPortal(t, seconds)
  const start = Date.parse('2026-03-01T12:00:00Z') / 1000
  await operating(at)
  at.advance(MINUTE)
  for (let i = 0; i < 3; i += 1) await operating(at)
  at.advance(9 * MINUTE - 1)
  assert.equal((await call(at, 'user.current')).status, 429)
  at.advance(1)
  assert.deepEqual(await operating(at), [120, start + 660])
})

test('inside a batch the operating limit is an error of its command, and the answer is HTTP 200', async (t) => {
  const at = await testPortal(t, seconds)
  const result = await batch(at, Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`c${i}`, 'user.current'])))
  assert.deepEqual(result['result_error'], { c4: { error: 'OPERATION_TIME_LIMIT', error_description: 'Method is blocked due to operation time limit.' } })
  const times = result['result_time'] as Record<string, { operating: number, operating_reset_at: number }>
  assert.deepEqual(Object.values(times).map(time => time.operating), [30, 60, 90, 120])
  assert.ok((times['c0']?.operating_reset_at ?? 0) > 0)
})

test('whose time a batch uses up follows the switch', async (t) => {
  const used = async (of: 'nested' | 'batch' | 'both'): Promise<[unknown, unknown]> => {
    const at = await testPortal(t, { ...seconds, switches: { ...seconds.switches, operating_of: of } })
    const outer = (await call(at, 'batch', { cmd: { a: 'user.current' } })).body['time'] as Record<string, unknown>
    return [outer['operating'], (await operating(at))[0] - 30]
  }
  assert.deepEqual(await used('nested'), [undefined, 30])
  assert.deepEqual(await used('batch'), [30, 0])
  assert.deepEqual(await used('both'), [30, 30])
})

test('an app and a webhook have operating times of their own, or one in common by the switch', async (t) => {
  for (const shared of [false, true]) {
    const at = await testPortal(t, { ...seconds, apps: [APP], switches: { ...seconds.switches, operating_shared: shared } })
    for (let i = 0; i < 4; i += 1) await call(at, 'user.current')
    assert.equal((await call(at, 'user.current', {}, String((await tokens(at))['access_token']))).status, shared ? 429 : 200)
  }
})

test('a batch that used up its own time is refused as a whole with 429', async (t) => {
  const at = await testPortal(t, { ...seconds, switches: { ...seconds.switches, operating_of: 'batch' } })
  for (let i = 0; i < 4; i += 1) await batch(at, { a: 'user.current' })
  assert.deepEqual(refusal(await call(at, 'batch', { cmd: { a: 'user.current' } })), [429, 'OPERATION_TIME_LIMIT'])
})

test('operating fields inside a batch can be absent', async (t) => {
  const at = await testPortal(t, { switches: { batch_operating_fields: false } })
  const times = (await batch(at, { a: 'user.current' }))['result_time'] as Record<string, object>
  assert.equal('operating' in (times['a'] ?? {}), false)
})

test('a request that takes longer than the portal allows gets 504, and its rest is done or not by the switch', async (t) => {
  for (const commits of [true, false]) {
    const at = await testPortal(t, { command_ms: 40, limits: { request_seconds: 0.1 }, switches: { cut_commits: commits } })
    const cmd = (title: string): object => Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`c${i}`, `crm.item.add?entityTypeId=2&fields[title]=${title}`]))
    const reply = await call(at, 'batch', { cmd: cmd('cut') })
    assert.deepEqual([reply.status, typeof reply.body['text']], [504, 'string'])
    // A whole batch after it takes longer than the rest of the cut one would.
    at.configure({ limits: { request_seconds: 60 } })
    await batch(at, cmd('whole'))
    const done = at.deals().filter(deal => deal['TITLE'] === 'cut').length
    assert.equal(done === 6, commits, `${done} commands were done`)
  }
})
