import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { doubledAdds, overlappingWrites } from '../../simulator/oracle.ts'
import { eventually } from '../support/eventually.ts'
import { inParallel, sendOnce } from '../support/sender.ts'
import { startSystem } from '../support/system.ts'
import type { System } from '../support/system.ts'

const DEALS = 200

/** Makes deals in both partners' portals, and lets people move half of them. */
function work (system: System, from: number, to: number): void {
  for (let i = from; i < to; i += 1) {
    const portal = system.simulator.portal(i % 2 === 0 ? 'acme' : 'beta')
    const id = portal.create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB' })
    if (i % 4 === 0) portal.move(id, 'C1:EXECUTING')
  }
}

/** Every source deal stands once in the target, in its last state. */
function assertAllThere (system: System): void {
  const target = system.simulator.portal('main')
  const byOrigin = Map.groupBy(target.deals(), deal => String(deal['ORIGIN_ID'] as string))
  let checked = 0
  for (const name of ['acme', 'beta']) {
    for (const deal of system.simulator.portal(name).deals()) {
      const copies = byOrigin.get(`${name}:${String(deal['ID'])}`) ?? []
      assert.equal(copies.length, 1, `${name}:${String(deal['ID'] as number)} stands ${copies.length} times in the target`)
      assert.equal(copies[0]?.['TITLE'], deal['TITLE'])
      assert.equal(copies[0]?.['STAGE_ID'], deal['STAGE_ID'] === 'C1:EXECUTING' ? 'EXECUTING' : 'NEW')
      checked += 1
    }
  }
  assert.equal(checked, DEALS)
  assert.equal(target.stats().refused, 0, 'the budget was overrun')
  assert.deepEqual(doubledAdds(target.journal()), [])
  assert.deepEqual(overlappingWrites(target.journal()), [])
}

test('kill -9 of dispatcher and projector in the middle of 200 deals loses nothing and doubles nothing', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t, { target: { limits: { per_second: 4, burst: 40 } } })
  await system.run('ingest', 'query')
  const dispatcher = await system.run('dispatcher')
  const projector = await system.run('projector')
  work(system, 0, DEALS)
  await eventually(() => system.simulator.portal('main').deals().length > 20, { deadlineMs: 60_000 })
  dispatcher.kill('SIGKILL')
  projector.kill('SIGKILL')
  await Promise.all([system.run('dispatcher'), system.run('projector')])
  const summary = await system.settled(DEALS, 150_000)
  assertAllThere(system)
  assert.equal(summary.signals, summary.open + Object.values(summary.ends).reduce((a, b) => a + b, 0))
  assert.equal(summary.ends['parked'], 0)
})

test('kill -9 of ingest and query in the middle of 200 deals: each webhook that was answered lands, once', { timeout: 240_000 }, async (t) => {
  // No webhooks of the portals: the test sends them itself, once each, and writes down which were answered.
  const system = await startSystem(t, { source: { webhooks: [] } })
  await system.run('dispatcher', 'projector')
  const ingest = await system.run('ingest')
  const query = await system.run('query')
  work(system, 0, DEALS)
  const deals = ['acme', 'beta'].flatMap(portal => system.simulator.portal(portal).deals().map(deal => ({ portal, id: Number(deal['ID']) })))
  const answered = new Set<string>()
  let sent = 0
  await inParallel(deals, 20, async ({ portal, id }) => {
    if (++sent === DEALS / 2) { ingest.kill('SIGKILL'); query.kill('SIGKILL') }
    if (await sendOnce(system.ingest, portal, id)) answered.add(`${portal}:${id}`)
  })
  assert.ok(answered.size > 0 && answered.size < DEALS, `${answered.size} answered: the kill was not in the middle`)
  await Promise.all([system.run('ingest'), system.run('query')])
  const target = system.simulator.portal('main')
  await eventually(() => {
    const landed = new Set(target.deals().map(deal => String(deal['ORIGIN_ID'] as string)))
    return [...answered].every(deal => landed.has(deal))
  }, { deadlineMs: 60_000 })
  // Those that got no answer come again, as a sender that tries again would send them.
  const left = deals.filter(deal => !answered.has(`${deal.portal}:${deal.id}`))
  await inParallel(left, 20, async ({ portal, id }) => {
    assert.ok(await sendOnce(system.ingest, portal, id))
  })
  const summary = await system.settled(DEALS, 60_000)
  assertAllThere(system)
  assert.equal(summary.signals, summary.open + Object.values(summary.ends).reduce((a, b) => a + b, 0))
})

test('the registry frozen, then killed: running processes go on, and so do those that start without it', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t)
  const first = await system.run('all')
  const acme = system.simulator.portal('acme')
  const make = (title: string): number => acme.create({ TITLE: title, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  make('before')
  await system.settled(1)
  process.kill(system.parts.pids['registry'] ?? 0, 'SIGSTOP')
  make('while the registry is frozen')
  await system.settled(2)
  process.kill(system.parts.pids['registry'] ?? 0, 'SIGKILL')
  make('while the registry is away')
  await system.settled(3)
  first.kill('SIGTERM')
  await once(first, 'exit')
  await system.run('all')
  make('after a start without the registry')
  await system.settled(4)
  assert.deepEqual(system.simulator.portal('main').deals().map(deal => deal['TITLE']), ['before', 'while the registry is frozen', 'while the registry is away', 'after a start without the registry'])
})

test('an answer lost after the create is looked up, and no second deal is made', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t)
  const main = system.simulator.portal('main')
  main.fault({ where: 'write', mode: 'lost', method: 'crm.item.add', times: 1 })
  await system.run('all')
  const acme = system.simulator.portal('acme')
  const id = acme.create({ TITLE: 'Lost answer', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  await eventually(async () => (await system.deal('acme', id))?.state === 'unknown', { deadlineMs: 30_000 })
  acme.update(id, { TITLE: 'Changed meanwhile' })
  await eventually(() => main.deals().some(deal => deal['TITLE'] === 'Changed meanwhile'), { deadlineMs: 120_000 })
  await system.settled(2)
  assert.equal(main.deals().length, 1)
  assert.equal(main.stats().adds[`dealbridge/acme:${id}`], 1)
})

test('Kafka and PostgreSQL stopped and started again: what was accepted lands', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t)
  await system.run('all')
  const acme = system.simulator.portal('acme')
  const make = (title: string): number => acme.create({ TITLE: title, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  make('before')
  await system.settled(1)
  process.kill(system.parts.pids['postgres'] ?? 0, 'SIGKILL')
  make('while PostgreSQL is away')
  await acme.idle()
  process.kill(system.parts.pids['kafka-1'] ?? 0, 'SIGKILL')
  await system.restartParts()
  make('after')
  await eventually(() => system.simulator.portal('main').deals().length === 3, { deadlineMs: 180_000 })
  await system.settled(3, 60_000)
})

test('Kafka killed: webhooks are answered 200 all the same, and land although ingest is killed, too', { timeout: 240_000 }, async (t) => {
  const DEALS_AWAY = 40
  const system = await startSystem(t, { source: { webhooks: [] } })
  await system.run('dispatcher', 'projector', 'query')
  const ingest = await system.run('ingest')
  const acme = system.simulator.portal('acme')
  const ids = Array.from({ length: DEALS_AWAY }, (_, i) => acme.create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' }))
  process.kill(system.parts.pids['kafka-1'] ?? 0, 'SIGKILL')
  const answers: boolean[] = []
  await inParallel(ids.slice(0, 30), 10, async (id) => { answers.push(await sendOnce(system.ingest, 'acme', id)) })
  ingest.kill('SIGKILL')
  // Ready on its disk alone, behind what the dead one left.
  await system.run('ingest')
  await inParallel(ids.slice(30), 10, async (id) => { answers.push(await sendOnce(system.ingest, 'acme', id)) })
  assert.deepEqual(answers, ids.map(() => true))
  await system.restartParts()
  await eventually(() => system.simulator.portal('main').deals().length === DEALS_AWAY, { deadlineMs: 120_000 })
  await system.settled(DEALS_AWAY, 60_000)
  const origins = system.simulator.portal('main').deals().map(deal => deal['ORIGIN_ID'])
  assert.equal(new Set(origins).size, DEALS_AWAY)
})
