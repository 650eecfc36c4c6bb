import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { migrate } from '../platform/migrations.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { noOrders } from '../../test/support/orders.ts'
import { freshDatabase } from '../../test/support/services.ts'
import { ROLES } from './access.ts'
import { buildServer, createQuery } from './server.ts'
import type { QueryOptions } from './server.ts'

const logger = createLogger('test', 'error')
const key = (letter: string): string => letter.repeat(32)
const options: QueryOptions = {
  host: '127.0.0.1', port: 0, portals: ['acme', 'bolt', 'quiet'],
  api_keys: [{ name: 'ann', key: key('a'), role: 'analyst' }, { name: 'op', key: key('o'), role: 'operator' }, { name: 'acme', key: key('p'), role: 'partner', portal: 'acme' }]
}

async function setUp (t: TestContext): Promise<{ pool: Pool, app: FastifyInstance, readonly get: (url: string, more?: { key?: string, accept?: string }) => Promise<{ status: number, body: string, headers: Record<string, unknown> }> }> {
  const pool = createPool(await freshDatabase(t), { name: 'test', logger })
  t.after(() => pool.end())
  await migrate(pool, new URL('../../migrations', import.meta.url).pathname)
  const app = buildServer({ pool, logger, registry: createRegistry(), orders: noOrders, lag: () => Promise.resolve({ signals: 3n, transfers: 0n }) }, options)
  t.after(() => app.close())
  return {
    pool,
    app,
    async get (url, more = {}) {
      const answer = await app.inject({ url, headers: { 'x-api-key': more.key ?? key('a'), ...(more.accept === undefined ? {} : { accept: more.accept }) } })
      return { status: answer.statusCode, body: answer.body, headers: answer.headers }
    }
  }
}

// 1 201 deals of acme (every seventh parked), two of bolt; many share their last signal's time, so that ties are paged too.
async function fill (pool: Pool): Promise<void> {
  await pool.query(`
    insert into read_v1.deal (portal, deal_id, signals_seen, signal_received_at, status, ended, applied, parked, attempts, target_deal_id, title, stage, opportunity, currency, reason, detail, landed_at, land_ms, last_event_at)
    select 'acme', n::text, 2, 'epoch'::timestamptz + (n / 10) * interval '1 second', case when n % 7 = 0 then 'parked' else 'landed' end, 2, case when n % 7 = 0 then 1 else 2 end, case when n % 7 = 0 then 1 else 0 end,
      1, (5000 + n)::text, case when n = 1 then '=cmd()' else 'Deal ' || n end, 'NEW', 10.10, 'EUR', case when n % 7 = 0 then 'stage' end, case when n % 7 = 0 then 'No place for it.' end, '2026-01-01T00:00:00Z', 4200, '2026-01-01T00:00:00Z'
    from generate_series(1, 1201) n`)
  await pool.query(`insert into read_v1.deal (portal, deal_id, signals_seen, signal_received_at, status) values ('bolt', '1', 3, '2026-01-02T00:00:00Z', 'unknown'), ('bolt', '2', 1, '2026-01-02T00:00:00Z', 'none')`)
  await pool.query(`insert into read_v1.deal_timeline select 'acme', '1', 'deal-signals', n, '2026-01-01T10:00:00Z', 'DealChangeSignalled', 'Signal: updated, by webhook.', 'c' from generate_series(1, 120) n`)
  await pool.query(`insert into read_v1.transfer (portal, deal_id, log_offset, log_partition, occurred_at, outcome, action, target, attempt_no, epoch, covered_count, signalled_at, land_ms, correlation_id) select 'acme', '1', n, 0, '2026-01-01T10:30:00Z', 'succeeded', 'updated', 'main', n, 1, n, '2026-01-01T10:29:00Z', n * 1000, 'c' from generate_series(1, 100) n`)
}

interface Page { readonly items: Record<string, unknown>[], readonly cursor: string | null }
const parse = (body: string): Page => JSON.parse(body) as Page

test('every route has a row in the role table and every row a route, and both stand in the description', async (t) => {
  const { app, get } = await setUp(t)
  const { paths } = JSON.parse((await get('/openapi.json')).body) as { paths: Record<string, object> }
  assert.deepEqual(Object.keys(paths).sort(), Object.keys(ROLES).map(route => route.replaceAll(/:([a-z]+)/g, '{$1}')).sort())
  for (const route of Object.keys(ROLES)) {
    const [method, ...others] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(verb => app.hasRoute({ method: verb, url: route }))
    assert.deepEqual([Object.keys(paths[route.replaceAll(/:([a-z]+)/g, '{$1}')] ?? {}), others], [[method?.toLowerCase()], []], route)
  }
  const bare = buildServer({ pool: {} as Pool, logger, registry: createRegistry(), orders: noOrders }, options)
  assert.throws(() => bare.get('/v1/secret', () => ''), /no row in the role table/)
})

test('without a known key nothing is ordered, and nothing shown but the page and the description', async (t) => {
  const { app, get } = await setUp(t)
  for (const route of Object.keys(ROLES).filter(r => ROLES[r] !== 'public')) {
    const url = route.replace(':portal', 'acme').replace(':name', 'acme').replace(':id', '1')
    const { statusCode: status, headers } = await app.inject({ method: app.hasRoute({ method: 'POST', url: route }) ? 'POST' : 'GET', url, headers: { 'x-api-key': key('x') } })
    assert.deepEqual([status, headers['content-type']], [401, 'application/problem+json'], url)
  }
  assert.equal((await app.inject({ url: '/v1/funnel', headers: { authorization: `Bearer ${key('a')}` } })).statusCode, 200)
  assert.equal((await get('/', { key: '' })).status, 200)
})

test('the summary has the agreed shape and its sums hold', async (t) => {
  const { pool, get } = await setUp(t)
  await fill(pool)
  const { body } = await get('/v1/summary')
  const summary = JSON.parse(body) as { signals: number, open: number, ends: Record<string, number>, portals: Record<string, unknown> }
  assert.equal(summary.signals, 2406)
  assert.equal(summary.signals, summary.open + Object.values(summary.ends).reduce((a, b) => a + b, 0))
  assert.deepEqual(summary, { ...summary, open: 4, ends: { applied: 2231, unchanged: 0, superseded: 0, skipped: 0, parked: 171 }, deferred: 0, unknown: 1, lag: { signals: 3, transfers: 0 } })
  assert.deepEqual(Object.keys(summary.portals).sort(), ['acme', 'bolt', 'quiet'])
  const portals = summary.portals as Record<string, { open: number, backlog: number, clears_at: string | null }>
  assert.deepEqual(Object.values(portals).map(({ open, backlog }) => open === 0 ? backlog === 0 : backlog > 0 && backlog <= open), [true, true, true])
  assert.deepEqual([portals['quiet']?.backlog, portals['quiet']?.clears_at], [0, null])
})

test('a partner sees its own portal and cannot tell another\'s deal from none', async (t) => {
  const { pool, get } = await setUp(t)
  await fill(pool)
  const partner = { key: key('p') }
  assert.equal((await get('/v1/deals/acme/1', partner)).status, 200)
  for (const url of ['/v1/deals/bolt/1', '/v1/deals/bolt/999', '/v1/deals/bolt/1/timeline', '/v1/deals?portal=bolt', '/v1/transfers?portal=bolt', '/v1/attention?portal=bolt', '/v1/funnel?portal=bolt', '/v1/portals/bolt/hours']) assert.equal((await get(url, partner)).status, 404, url)
  const shown = await Promise.all(['/v1/summary', '/v1/deals?limit=500', '/v1/transfers', '/v1/attention', '/v1/funnel'].map(async url => (await get(url, partner)).body))
  for (const body of shown) assert.ok(!body.includes('bolt') && !body.includes('quiet'))
  const csv = (await get('/v1/deals', { ...partner, accept: 'text/csv' })).body
  assert.ok(!csv.includes('bolt'))
})

test('a deal has the agreed fields first and numbers as numbers', async (t) => {
  const { pool, get } = await setUp(t)
  await fill(pool)
  const deal = JSON.parse((await get('/v1/deals/acme/7')).body) as object
  assert.deepEqual(Object.keys(deal).slice(0, 11), ['portal', 'deal_id', 'target_deal_id', 'state', 'stage', 'title', 'last_signal_at', 'landed_at', 'seconds_to_land', 'attempts', 'reason'])
  assert.deepEqual(deal, { ...deal, deal_id: 7, target_deal_id: 5007, state: 'parked', seconds_to_land: 4.2, attempts: 1, reason: 'stage', landed_at: '2026-01-01T00:00:00.000Z' })
})

test('pages give every row once in order, and so do the exports', async (t) => {
  const { pool, get } = await setUp(t)
  await fill(pool)
  for (const [url, size, total] of [['/v1/deals', 97, 1203], ['/v1/deals?state=parked', 50, 171], ['/v1/transfers', 7, 100], ['/v1/attention', 40, 172], ['/v1/funnel', 1, 2], ['/v1/deals/acme/1/timeline', 50, 120], ['/v1/portals/acme/hours', 1, 1]] as const) {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Page = parse((await get(`${url}${url.includes('?') ? '&' : '?'}limit=${size}${cursor === '' ? '' : `&cursor=${cursor}`}`)).body)
      seen.push(...page.items.map(item => JSON.stringify(item)))
      cursor = page.cursor
    }
    assert.equal(seen.length, total, url)
    const lines = (await get(url, { accept: 'application/x-ndjson' })).body.trimEnd().split('\n')
    assert.deepEqual(lines.toSorted(), seen.toSorted(), url)
    const csv = (await get(url, { accept: 'text/csv' })).body.trimEnd().split('\r\n')
    assert.equal(csv.length, total + 1, url)
  }
  const { items } = parse((await get('/v1/deals?limit=500&portal=acme')).body)
  const times = items.map(item => String(item.last_signal_at))
  assert.deepEqual(times, times.toSorted().reverse())
  assert.ok((await get('/v1/deals', { accept: 'text/csv' })).body.includes('\'=cmd()'))
})

test('wrong filters are problem documents that say what would be right', async (t) => {
  const { get } = await setUp(t)
  const cases = [['/v1/deals?state=gone', /waiting, landed, deferred/], ['/v1/deals?at=2026-01-01T00:00:00Z', /no parameter at here/], ['/v1/summary?x=1', /takes none/], ['/v1/deals?limit=0', /1 to 500/],
    ['/v1/deals?from=monday', /RFC 3339/], ['/v1/transfers?deal_id=x', /positive whole number/], ['/v1/deals/acme/x', /positive whole number/], ['/v1/deals?portal=A%27', /name of a portal/], ['/v1/deals?cursor=abc', /cursor/]] as const
  for (const [url, sentence] of cases) {
    const { status, headers, body } = await get(url)
    assert.deepEqual([status, headers['content-type']], [400, 'application/problem+json'], url)
    assert.match((JSON.parse(body) as { detail: string }).detail, sentence)
  }
  assert.equal(cases.length, 9)
  assert.equal((await get('/v1/nothing')).status, 404)
  assert.equal((await get('/v1/deals', { accept: 'image/png' })).status, 406)
})

test('without the database the answer is 503 and never a torn file', async (t) => {
  const pool = createPool('postgres://nobody@127.0.0.1:1/none', { name: 'test', logger })
  t.after(() => pool.end())
  const app = buildServer({ pool, logger, registry: createRegistry(), orders: noOrders }, options)
  for (const accept of ['application/json', 'text/csv']) assert.equal((await app.inject({ url: '/v1/deals', headers: { 'x-api-key': key('a'), accept } })).statusCode, 503)
  assert.deepEqual(await createQuery({ pool, logger, registry: createRegistry(), orders: noOrders }, options).readiness(), ['postgres'])
})

test('the page speaks the browser\'s language and allows nothing but its own script', async (t) => {
  const { app } = await setUp(t)
  const answer = await app.inject({ url: '/', headers: { 'accept-language': 'ru-RU,ru;q=0.9,en;q=0.5' } })
  assert.match(answer.body, /<html lang="ru">/)
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/)
  assert.doesNotMatch(answer.body, /https?:\/\//)
})

test('the stream sends the summary when it changes and ends when the server stops', async (t) => {
  const { pool } = await setUp(t)
  const query = createQuery({ pool, logger, registry: createRegistry(), orders: noOrders }, options)
  await query.start()
  await query.start()
  const stream = await new Promise<IncomingMessage>((resolve, reject) => { httpRequest(`${query.address()}/v1/events`, { headers: { 'x-api-key': key('a') } }, resolve).on('error', reject).end() })
  const received = Promise.withResolvers<void>()
  let text = ''
  stream.setEncoding('utf8').on('data', (part: string) => { text += part; if (text.split('event: summary').length === 3) received.resolve() })
  const ended = new Promise<void>((resolve) => { stream.on('close', resolve).on('error', () => undefined) })
  await fill(pool)
  await received.promise
  await query.stop()
  await query.stop()
  await ended
  assert.match(text, /"signals":2406/)
})
