import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { freshDatabase, services } from '../../test/support/services.ts'
import type { Orders } from '../domain/signal/ordering.ts'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { readAll } from '../eventlog/contract.ts'
import { createKafkaLog } from '../eventlog/kafka-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { initLog } from '../eventlog/topics.ts'
import { openAtNeed } from '../orders/log.ts'
import { createOrders } from '../orders/orders.ts'
import type { OrdersDeps, OrdersLimits } from '../orders/orders.ts'
import { createLogger } from '../platform/logger.ts'
import { Registry, createRegistry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import { ROLES } from '../query/access.ts'
import { buildServer } from '../query/server.ts'

const quiet = createLogger('test', 'error', { write: () => undefined })
const key = (letter: string): string => letter.repeat(32)
const KEYS = [{ name: 'ann', key: key('a'), role: 'analyst' }, { name: 'op', key: key('o'), role: 'operator' }, { name: 'acme', key: key('p'), role: 'partner', portal: 'acme' }] as const
const VERBS = ['release', 'skip', 'hold', 'edit'] as const
const BODY = { release: { all: true }, skip: { deals: [{ portal: 'acme', deal_id: 1 }] }, hold: { deals: [{ portal: 'acme', deal_id: 1 }] }, edit: { portal: 'acme', deal_id: 1, set: { TITLE: 'x' } } }
const LIMITS: OrdersLimits = { most: 10_000, patienceMs: 5_000, withinMs: 20_000 }
const ROUTES = new Map(['acme', 'bolt'].map(from => [from, { to: 'main', mappingPath: '', mapping: { stages: {}, fields: { TITLE: 'TITLE' }, computed: {}, target_category: 0 } }])) as unknown as OrdersDeps['routes']

interface Answer { readonly status: number, readonly json: Record<string, unknown>, readonly headers: Record<string, unknown> }
interface Room {
  readonly ask: (verb: string, body: unknown, more?: { key?: string, type?: string, raw?: string }) => Promise<Answer>
  readonly get: (url: string) => Promise<number>
  /** The orders in the log: `portal:id order`. */
  readonly given: () => Promise<string[]>
  readonly signals: () => Promise<DealChangeSignalled[]>
  readonly said: () => string
}

/** Five deals of acme are parked for their stage, the sixth is held, the seventh has landed; bolt:1 could never be read. */
async function setUp (t: TestContext, own: { limits?: Partial<OrdersLimits>, brokers?: readonly string[], orders?: (real: Orders) => Orders } = {}): Promise<Room> {
  const parts = await services()
  const topicPrefix = `orders-${randomBytes(6).toString('hex')}-`
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-orders-'))
  const kafka = { brokers: parts.kafka, clientId: 'test' }
  await initLog({ kafka, registryUrl: parts.registry, logger: quiet, topicPrefix })
  const open = (brokers: readonly string[]): Promise<EventLog> => createKafkaLog({ kafka: { brokers, clientId: 'test' }, registryUrl: parts.registry, dataDir, logger: quiet, registry: new Registry(), topicPrefix })
  const [reader, log] = [await open(parts.kafka), openAtNeed(() => open(own.brokers ?? parts.kafka))]
  const pool = createPool(await freshDatabase(t), { name: 'test', logger: quiet })
  await migrate(pool, new URL('../../migrations', import.meta.url).pathname)
  await pool.query(`
    insert into read_v1.deal (portal, deal_id, signals_seen, signal_received_at, status, ended, parked, attempts, title, stage, reason, last_event_at)
    select portal, id, 1, 'epoch', status, 1, 1, 1, 'Deal', 'NEW', reason, 'epoch'
    from (select 'acme', n::text, 'parked', 'stage_unmapped' from generate_series(1, 5) n union all
      values ('acme', '6', 'parked', 'operator_hold'), ('acme', '7', 'landed', null), ('bolt', '1', 'parked', 'source_unreadable')) as d (portal, id, status, reason)`)
  await pool.query(`insert into dispatch.work (portal, deal_id, target, status, ended_modified, ended_hash) values ('acme', '1', 'main', 'parked', 1, 'state1')`)
  let said = ''
  const real = createOrders({ pool, log, routes: ROUTES }, { ...LIMITS, ...own.limits })
  const app = buildServer({ pool, logger: createLogger('query', 'info', { write: (line) => { said += line } }), registry: createRegistry(), orders: own.orders?.(real) ?? real }, { host: '127.0.0.1', port: 0, portals: ['acme', 'bolt'], api_keys: KEYS })
  t.after(async () => { await app.close(); await log.close(0); await reader.close(0); await pool.end(); rmSync(dataDir, { recursive: true, force: true }) })
  const signals = async (): Promise<DealChangeSignalled[]> => (await readAll(reader)).map(record => record.event as DealChangeSignalled)
  return {
    signals,
    said: () => said,
    given: async () => (await signals()).map(({ portal, dealId, order }) => `${portal}:${dealId} ${order ?? ''}`).toSorted(),
    get: async url => (await app.inject({ url, headers: { 'x-api-key': key('a') } })).statusCode,
    async ask (verb, body, more = {}) {
      const answer = await app.inject({ method: 'POST', url: `/v1/parked/${verb}`, headers: { 'x-api-key': more.key ?? key('o'), 'content-type': more.type ?? 'application/json' }, payload: more.raw ?? JSON.stringify(body) })
      return { status: answer.statusCode, json: answer.json<Record<string, unknown>>(), headers: answer.headers }
    }
  }
}

/** Whether somebody who is no operator gets through. */
async function gotThrough (t: TestContext): Promise<string[]> {
  const { ask, given } = await setUp(t)
  const through: string[] = []
  for (const verb of VERBS) {
    for (const [who, letter] of [['analyst', 'a'], ['partner', 'p']] as const) {
      const { status, json } = await ask(verb, BODY[verb], { key: key(letter) })
      if (status !== 403) through.push(`${who} ${verb}`)
      else assert.equal(json['title'], 'Not allowed')
    }
  }
  assert.equal((await given()).length > 0, through.length > 0)
  return through
}

test('nobody but an operator gives orders: an analyst and a partner get 403, and nothing is in the log', { timeout: 60_000 }, async (t) => {
  assert.deepEqual(await gotThrough(t), [])
})

test('planted bug: a route that lets every key in does not pass unseen', { timeout: 60_000 }, async (t) => {
  const roles = ROLES as Record<string, unknown>
  const [route, before] = ['/v1/parked/release', roles['/v1/parked/release']]
  roles[route] = ['analyst', 'operator', 'partner']
  t.after(() => { roles[route] = before })
  assert.deepEqual(await gotThrough(t), ['analyst release', 'partner release'])
})

/** What a release of all and one of a portal's give, and what they say of the held deal. */
async function releaseAll (t: TestContext, orders?: (real: Orders) => Orders): Promise<unknown> {
  const { ask, given } = await setUp(t, orders === undefined ? {} : { orders })
  const { status, json } = await ask('release', { all: true, portal: 'acme' })
  return { status, json, given: await given() }
}

const STUCK = [1, 2, 3, 4, 5].map(id => `acme:${id} release`)

test('a release of all is in the log for every parked deal but the held ones, which are counted', { timeout: 60_000 }, async (t) => {
  assert.deepEqual(await releaseAll(t), { status: 202, json: { released: 5, left: [], held_left: 1 }, given: STUCK })
})

test('planted bug: a release of all that does not ask for holds does not pass unseen', { timeout: 60_000 }, async (t) => {
  const deals = Array.from({ length: 6 }, (_, i) => ({ portal: 'acme', dealId: String(i + 1) }))
  const deaf = (real: Orders): Orders => ({ ...real, carryOut: (_asked, how) => real.carryOut({ order: 'release', choice: { by: 'name', deals } }, how) })
  assert.deepEqual(await releaseAll(t, deaf), { status: 202, json: { released: 6, left: [] }, given: [...STUCK, 'acme:6 release'] })
})

test('deals are released by reason and by name, a held one too, and each that is not parked is told with why', { timeout: 60_000 }, async (t) => {
  const { ask, given } = await setUp(t)
  assert.deepEqual((await ask('release', { reason: 'source_unreadable' })).json, { released: 1, left: [] })
  assert.deepEqual((await ask('release', { reason: 'operator_hold' })).json, { released: 1, left: [] })
  const named = await ask('release', { deals: [{ portal: 'acme', deal_id: 2 }, { portal: 'acme', deal_id: '2' }, { portal: 'acme', deal_id: 7 }, { portal: 'nobody', deal_id: 3 }] })
  assert.deepEqual(named.json, { released: 1, left: [{ deal: 'acme:7', why: 'it has landed' }, { deal: 'nobody:3', why: 'nothing is known of such a deal' }] })
  assert.deepEqual(await given(), ['acme:2 release', 'acme:6 release', 'bolt:1 release'])
  assert.deepEqual((await ask('release', { deals: [{ portal: 'acme', deal_id: 7 }] })).json, { released: 0, left: [{ deal: 'acme:7', why: 'it has landed' }] })
})

test('skip, hold and edit are in the log as the command gives them, an edit with its fields and the state it is for', { timeout: 60_000 }, async (t) => {
  const { ask, signals, said } = await setUp(t)
  const two = { deals: [{ portal: 'acme', deal_id: 3 }, { portal: 'acme', deal_id: 4 }] }
  assert.deepEqual([(await ask('skip', two)).json, (await ask('hold', two)).json], [{ skipped: 2, left: [] }, { held: 2, left: [] }])
  const edited = await ask('edit', { portal: 'acme', deal_id: 1, set: { TITLE: 'secret words', STAGE_ID: 'WON' } })
  assert.deepEqual([edited.status, edited.json], [202, { edited: 1, left: [] }])
  const given = await signals()
  assert.deepEqual(given.map(({ dealId, order }) => `${dealId} ${order ?? ''}`).toSorted(), ['1 edit', '3 hold', '3 skip', '4 hold', '4 skip'])
  assert.ok(given.every(({ portal, channel, kind }) => portal === 'acme' && channel === 'operator' && kind === 'unknown'))
  const edit = given.find(({ order }) => order === 'edit')
  assert.deepEqual([JSON.parse(edit?.edit ?? ''), edit?.editOf], [{ TITLE: 'secret words', STAGE_ID: 'WON' }, 'state1'])
  const lines = said().trim().split('\n').map(line => JSON.parse(line) as { event: string, details: object })
  assert.deepEqual(lines.map(({ event, details }) => ({ event, ...details })), [['skip', 2], ['hold', 2], ['edit', 1]].map(([action, count]) => ({ event: 'operator_order', caller: 'op', action, count })))
  assert.doesNotMatch(said(), /secret|ooo/)
})

test('an edit of what the mapping does not write is refused with every reason, and so is one of a deal that nobody could read', { timeout: 60_000 }, async (t) => {
  const { ask, given } = await setUp(t)
  const wrong = await ask('edit', { portal: 'acme', deal_id: 1, set: { PROBABILITY: '9', ORIGIN_ID: 'acme:1' } })
  assert.equal(wrong.status, 400)
  assert.match(String(wrong.json['detail']), /ORIGIN_ID is how dealbridge finds its deals.*the mapping writes no PROBABILITY; it writes STAGE_ID/)
  assert.match(String((await ask('edit', { portal: 'nobody', deal_id: 1, set: { TITLE: 'x' } })).json['detail']), /no route takes the deals of nobody/)
  const unread = await ask('edit', { portal: 'bolt', deal_id: 1, set: { TITLE: 'x' } })
  assert.deepEqual([unread.status, unread.json['detail']], [409, 'An edit of bolt:1 is not possible, nobody could read it yet; release it first.'])
  assert.deepEqual((await ask('edit', { portal: 'acme', deal_id: 7, set: { TITLE: 'x' } })).json, { edited: 0, left: [{ deal: 'acme:7', why: 'it has landed' }] })
  assert.deepEqual(await given(), [])
})

test('a dry run tells what would be done and gives no order', { timeout: 60_000 }, async (t) => {
  const { ask, given, said } = await setUp(t)
  const runs = [['release', { all: true }, { would: 6, left: [], held_left: 1 }], ['skip', BODY.skip, { would: 1, left: [] }], ['hold', BODY.hold, { would: 1, left: [] }], ['edit', BODY.edit, { would: 1, left: [] }]] as const
  for (const [verb, body, would] of runs) {
    const { status, json } = await ask(verb, { ...body, dry_run: true })
    assert.deepEqual([status, json], [200, would], verb)
  }
  assert.deepEqual([runs.length, await given(), said()], [4, [], ''])
})

test('what is too much for one request is told with a cursor, and every deal is ordered once on the way', { timeout: 60_000 }, async (t) => {
  const { ask, given } = await setUp(t, { limits: { most: 2 } })
  const turns: Record<string, unknown>[] = []
  for (let cursor: unknown = undefined; turns.length < 10;) {
    const { json } = await ask('release', { all: true, ...cursor === undefined ? {} : { cursor } })
    turns.push(json)
    cursor = json['cursor']
    if (json['more'] !== true) break
  }
  assert.deepEqual(turns.map(({ released, more, held_left: held }) => [released, more ?? false, held ?? 0]), [[2, true, 0], [2, true, 0], [2, false, 1]])
  assert.deepEqual(await given(), [...STUCK, 'bolt:1 release'])
})

test('a body that is not as described is refused with a sentence that names the mistake, and nothing is ordered', { timeout: 60_000 }, async (t) => {
  const { ask, given } = await setUp(t)
  const one = { portal: 'acme', deal_id: 1 }
  const cases: [string, unknown, number, RegExp, object?][] = [
    ['release', {}, 400, /exactly one of all, reason and deals/], ['release', { all: true, reason: 'x' }, 400, /exactly one/], ['release', { all: false }, 400, /all: /], ['release', { portal: 'acme' }, 400, /exactly one/],
    ['release', { deals: [one], portal: 'acme' }, 400, /portal and cursor go with all or reason/], ['release', { all: true, cursor: 'x' }, 400, /cursor of an earlier answer/], ['release', { reason: 'a\u0000b' }, 400, /reason: the code of a reason/],
    ['release', { all: true, force: true }, 400, /force/], ['release', [], 400, /expected object/], ['release', null, 400, /expected object/], ['skip', { all: true }, 400, /deals/], ['hold', { reason: 'x' }, 400, /deals/],
    ['skip', { deals: [] }, 400, /deals: at least one deal/], ['skip', { deals: Array.from({ length: 1001 }, () => one) }, 400, /at most 1000 deals/], ['skip', { deals: [{ portal: 'ACME', deal_id: 1 }] }, 400, /deals.0.portal: the name of a portal/],
    ...[0, -1, 1.5, '01', 'x', null, '1'.repeat(20)].map((deal_id): [string, unknown, number, RegExp] => ['skip', { deals: [{ portal: 'acme', deal_id }] }, 400, /deals.0.deal_id: the id of a deal/]),
    ['edit', { ...one }, 400, /set: /], ['edit', { ...one, set: {} }, 400, /name at least one field/], ['edit', { ...one, set: { title: 'x' } }, 400, /set.title: /], ['edit', { ...one, set: { TITLE: 7 } }, 400, /set.TITLE: a text/],
    ['edit', { ...one, set: { TITLE: 'x'.repeat(70_000) } }, 400, /at most 64 KB/], ['edit', { ...one, set: { STAGE_ID: '' } }, 400, /needs a stage/], ['edit', { deals: [one], set: { TITLE: 'x' } }, 400, /portal: /],
    ['edit', { ...one, set: { TITLE: 'x'.repeat(140_000) } }, 413, /larger than 128 KB/], ['release', 0, 400, /could not be read/, { raw: '{' }], ['release', 0, 400, /could not be read/, { raw: '' }], ['edit', 0, 400, /could not be read/, { raw: '{"set":{"__proto__":{}}}' }],
    ...['text/plain', 'application/x-www-form-urlencoded', 'application/xml'].map((type): [string, unknown, number, RegExp, object] => ['release', { all: true }, 415, /must be application\/json/, { type }])
  ]
  for (const [verb, body, status, sentence, more] of cases) {
    const name = `${verb} ${JSON.stringify(body).slice(0, 80)} ${JSON.stringify(more ?? {})}`
    const answer = await ask(verb, body, more)
    assert.deepEqual([answer.status, answer.headers['content-type']], [status, 'application/problem+json'], name)
    assert.match(String(answer.json['detail']), sentence, name)
    assert.ok(String(answer.json['detail']).length < 700, name)
  }
  assert.equal(cases.length, 36)
  assert.equal((await ask('release?all=1', { all: true })).status, 400)
  assert.equal((await ask('mend', {})).status, 404)
  assert.deepEqual(await given(), [])
})

test('while Kafka is away orders are 503 with Retry-After and a line that names who gave them, and reads go on', { timeout: 60_000 }, async (t) => {
  const { ask, get, said } = await setUp(t, { brokers: ['127.0.0.1:1'], limits: { patienceMs: 300 } })
  for (const verb of VERBS) {
    const { status, json, headers } = await ask(verb, BODY[verb])
    assert.deepEqual([status, headers['content-type'], headers['retry-after']], [503, 'application/problem+json', '2'], verb)
    assert.match(String(json['detail']), /^The log takes no orders now; 0 of [0-9]+ are given for sure\. Give the rest again when Kafka is back\.$/)
    assert.match(said(), new RegExp(`operator_order_failed".*"caller":"op","action":"${verb}"`))
  }
  assert.equal((await ask('release', { all: true, dry_run: true })).status, 200)
  assert.deepEqual([await get('/v1/deals'), await get('/v1/summary')], [200, 200])
})
