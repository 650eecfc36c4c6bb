import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSimulator } from '../../simulator/simulator.ts'
import { eventually } from '../../test/support/eventually.ts'
import { planned } from '../../test/support/planned.ts'
import { services } from '../../test/support/services.ts'
import { createBreaker } from '../bitrix24/breaker.ts'
import { createPortalClient } from '../bitrix24/client.ts'
import { createLimiter } from '../bitrix24/limiter.ts'
import { createLogger } from '../platform/logger.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import { createRedis } from '../platform/redis.ts'
import { takeHeld } from './load.ts'
import { sendLoad } from './target.ts'
import type { LoadResult } from './target.ts'
import type { Planned } from './work.ts'

test('what a target portal answers decides what becomes of each deal of a request', async (t) => {
  const simulator = await startSimulator({ portals: [{ name: 'main', limits: { per_second: 1000, burst: 10000 } }] })
  t.after(() => simulator.stop())
  const main = simulator.portal('main')
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  const outgoing = createOutgoing()
  t.after(async () => { redis.disconnect(); await outgoing.close() })
  await eventually(() => redis.status === 'ready')
  const limiter = createLimiter(redis, { portal: `main-${process.pid}`, address: 'test', limits: { per_second: 1000, burst: 10000 } })
  const client = createPortalClient({ name: 'main', restUrl: main.restUrl, outgoing, limiter, breaker: createBreaker(), meter: { observe: () => undefined } })
  const send = async (writes: readonly Planned[], lookUps: readonly Planned[] = []): Promise<LoadResult> =>
    await sendLoad(client, { writes, lookUps, records: [] }, { slot: await limiter.slot(AbortSignal.timeout(10_000)), notAfter: Infinity, epoch: 1, targetMissing: () => 'park' })
  const told = (result: LoadResult): (string | undefined)[] => result.outcomes.map(o => o.event?.type)

  await t.test('a command refused for its values parks its deal, and the others land', async () => {
    main.fault({ where: 'write', mode: 'command_fails', contains: 'bad', times: 1 })
    const result = await send([planned('good'), planned('bad'), planned('good too')])
    assert.deepEqual(told(result), ['TransferSucceeded', 'TransferParked', 'TransferSucceeded'])
    assert.equal(result.portalFailure, null)
  })
  await t.test('an error of the server itself over one command leaves its write unknown, and the others land', async () => {
    main.fault({ where: 'write', mode: 'command_fails', code: 'INTERNAL_SERVER_ERROR', contains: 'own fault', times: 1 })
    const result = await send([planned('good'), planned('own fault')])
    assert.deepEqual([told(result), result.unknown.length], [['TransferSucceeded'], 1])
  })
  await t.test('a portal-wide refusal of one command stops the portal, and the deal waits without a word in the log', async () => {
    main.fault({ where: 'write', mode: 'command_fails', code: 'insufficient_scope', contains: 'scope', times: 1 })
    const result = await send([planned('good'), planned('scope')])
    assert.deepEqual(told(result), ['TransferSucceeded', undefined])
    assert.equal(result.portalFailure?.code, 'insufficient_scope')
  })
  await t.test('a method whose time is used up waits until the reset that its last good answer told', async () => {
    await send([planned('tells the reset'), planned('so does this')])
    main.fault({ where: 'limit', mode: 'operating', contains: 'used up', times: 1 })
    const [outcome] = (await send([planned('used up'), planned('also here')])).outcomes
    const delay = outcome?.settlement.kind === 'again' ? outcome.settlement.delayMs : 0
    assert.ok(delay > 500_000 && delay <= 600_000, `${delay} ms`)
  })
  await t.test('while a method\'s time is used up its deals wait without a request, and those of other methods go on', async () => {
    main.fault({ where: 'limit', mode: 'operating', contains: 'all used', times: 2 })
    await send([planned('all used'), planned('all used too')])
    const before = main.stats().requests
    const [ready, toLookUp] = [[planned('of another method', { link: '1' }), planned('held')], [planned('held before its look-up')]]
    const delays = takeHeld(ready, toLookUp, client).map(({ event, settlement }) => event === null && settlement.kind === 'again' && settlement.delayMs > 500_000)
    assert.deepEqual([delays, ready.length, toLookUp.length, main.stats().requests], [[true, true], 1, 0, before])
    await send([planned('frees it'), planned('and this')])
    assert.deepEqual(takeHeld([planned('free')], [], client), [])
  })
  await t.test('a request whose answer is lost leaves every write in it unknown', async () => {
    main.fault({ where: 'write', mode: 'lost', contains: 'lost', times: 1 })
    const result = await send([planned('lost'), planned('with it')])
    assert.deepEqual([result.outcomes.length, result.unknown.length], [0, 2])
  })
  await t.test('a stage that the target silently replaced parks the deal with its link', async () => {
    const [outcome] = (await send([planned('stage', { stage: 'NOWHERE' })])).outcomes
    assert.equal(outcome?.event?.type === 'TransferParked' && outcome.event.reason, 'target_stage_refused')
    assert.match((outcome?.event?.type === 'TransferParked' && outcome.event.targetDealId) || '', /^[0-9]+$/)
  })
  await t.test('an update of a deal that a person deleted is parked', async () => {
    const [outcome] = (await send([planned('gone', { link: '999999' })])).outcomes
    assert.equal(outcome?.event?.type === 'TransferParked' && outcome.event.reason, 'target_missing')
  })
  await t.test('a request after its deadline is not written, and nothing happened', async () => {
    const before = main.stats().requests
    const result = await sendLoad(client, { writes: [planned('too late')], lookUps: [], records: [] }, { slot: await limiter.slot(AbortSignal.timeout(10_000)), notAfter: 0, epoch: 1, targetMissing: () => 'park' })
    assert.deepEqual([told(result), main.stats().requests], [[undefined], before])
  })
  await t.test('one look-up asks for 200 creates; what a full page does not name is not known yet, and is not taken for missing', async () => {
    const there = Array.from({ length: 60 }, (_, i) => planned(`there ${i}`))
    await send(there.slice(0, 50))
    await send(there.slice(50))
    const look = (lookUps: readonly Planned[]): Promise<LoadResult> => limiter.slot(AbortSignal.timeout(10_000)).then(slot => sendLoad(client, { writes: [], lookUps, records: [] }, { slot, notAfter: Infinity, epoch: 1, targetMissing: () => 'park' }))
    const full = await look(there)
    assert.deepEqual([full.found?.size, full.isPageFull], [50, true])
    const rest = await look(there.filter(p => full.found?.has(p.write.kind === 'create' ? p.write.originId : '') === false))
    assert.deepEqual([rest.found?.size, rest.isPageFull], [10, false])
  })
})
