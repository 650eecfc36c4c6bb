import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { DomainEvent, EventLog } from '../eventlog/port.ts'
import { Registry } from '../platform/metrics.ts'
import { createMemoryClaims } from './claims.ts'
import { createIngest } from './ingest.ts'
import type { IngestOptions } from './ingest.ts'

const KEY = 'k'.repeat(32)
const FORM = 'application/x-www-form-urlencoded'
const limits = { per_second: 2, burst: 50, operating_seconds: 480 }

function setUp (t: TestContext): { app: ReturnType<typeof createIngest>['app'], events: DomainEvent[], clock: { ms: number } } {
  const data_dir = mkdtempSync(path.join(tmpdir(), 'ingest-'))
  const events: DomainEvent[] = []
  const clock = { ms: Date.now() }
  const log = { append: (e: DomainEvent) => Promise.resolve({ topic: 'deal-signals', partition: 0, offset: BigInt(events.push(e) - 1) }), isWritable: () => true } as unknown as EventLog
  const options = {
    ingest: { host: '127.0.0.1', port: 0, api_keys: [{ name: 'bot', key: KEY }] }, data_dir, allowed_domains: ['*.bitrix24.ru'],
    portals: [{ name: 'acme', role: 'source', domain: 'acme.bitrix24.ru', signal_secret: 'secret-acme', application_tokens: ['tok'], limits }, { name: 'main', role: 'target', domain: 'main.bitrix24.ru', application_tokens: [], limits }],
    routes: new Map([['acme', {}]])
  } as unknown as IngestOptions
  const links = { findLink: () => Promise.resolve('456'), findLanded: () => Promise.resolve({ ended: true, targetDealId: '789' }) }
  const ingest = createIngest({ log, claims: createMemoryClaims(() => clock.ms), links, logger: { log () {} }, registry: new Registry() }, options)
  t.after(async () => { await ingest.stop(); rmSync(data_dir, { recursive: true }) })
  return { app: ingest.app, events, clock }
}
const good = (id: unknown = 7, ts = '1', extra = {}): object => ({ event: 'ONCRMDEALUPDATE', data: { FIELDS: { ID: id } }, ts, auth: { domain: 'acme.bitrix24.ru', application_token: 'tok', ...extra } })
const json = (payload: object | string, headers = {}) => ({ method: 'POST' as const, url: '/webhook/deal', payload, headers: { 'x-api-key': KEY, 'content-type': 'application/json', ...headers } })
const form = (url: string, payload: string) => ({ method: 'POST' as const, url, payload, headers: { 'content-type': FORM } })

test('a new webhook is success, a repeat is appended once per deal and second, and no token reaches the log', async (t) => {
  const { app, events } = setUp(t)
  const first = await app.inject(json(good()))
  assert.deepEqual(Object.keys(first.json()), ['status', 'source_deal_id', 'target_deal_id', 'timestamp'])
  assert.equal(first.json<{ target_deal_id: number }>().target_deal_id, 456)
  const later = await Promise.all(Array.from({ length: 20 }, () => app.inject(json(good()))))
  assert.ok(later.every(r => r.json<{ status: string }>().status === 'duplicate'))
  assert.ok(events.length >= 2 && events.length <= 3, `${events.length}`)
  assert.ok(!JSON.stringify(events).includes('tok"'))
})

test('every kind of wrong credential gets the same bytes and nothing is appended', async (t) => {
  const { app, events } = setUp(t)
  assert.equal((await app.inject(json(good(7, '1', { member_id: 'aa' })))).statusCode, 200)
  const body = 'event=ONCRMDEALUPDATE&data[FIELDS][ID]=7&auth[domain]=acme.bitrix24.ru&auth[application_token]='
  const answers = await Promise.all([json(good(), { 'x-api-key': 'x' }), json(good(7, '1', { domain: 'evil.bitrix24.ru' })), json(good(7, '1', { application_token: 'no' })), json(good(7, '1', { member_id: 'bb' })),
    json('{', { 'x-api-key': 'x' }), form('/webhook/bitrix24/wrong', body + 'tok'), form('/webhook/bitrix24/secret-acme', body + 'no'), form('/webhook/bitrix24/secret-acme', body.replace('acme.b', 'a#.b') + 'tok')].map(r => app.inject(r)))
  assert.deepEqual(answers.map(r => `${r.statusCode}${r.body}`), answers.map(() => '401{"type":"about:blank","title":"Unauthorized","status":401}'))
  assert.equal(events.length, 1)
})

test('each bad input gets its 4xx, nothing is appended, and a good one is answered afterwards', async (t) => {
  const { app, events } = setUp(t)
  const bad: [number, ReturnType<typeof json>][] = [
    ...['0', '1e3', '0x10', '７', '-1', 1.5, 2 ** 53, '9'.repeat(10000), [7], {}].map((id): [number, ReturnType<typeof json>] => [400, json(good(id))]),
    [400, json('{')], [400, json('[]')], [400, json('['.repeat(100000))], [400, json('{"__proto__":{"event":"ONCRMDEALADD"}}')],
    [400, json('&'.repeat(300), { 'content-type': FORM })], [400, json(`a${'[b]'.repeat(9)}=1`, { 'content-type': FORM })],
    [400, json('event=ONCRMDEALADD&event=ONCRMDEALADD&domain=acme.bitrix24.ru&data[FIELDS][ID]=1', { 'content-type': FORM })],
    [413, json('x'.repeat(300000))], [415, json('x', { 'content-type': 'text/plain' })], [415, json(good(), { 'content-encoding': 'gzip' })]
  ]
  for (const [status, request] of bad) assert.equal((await app.inject(request)).statusCode, status, JSON.stringify(request.payload).slice(0, 90))
  assert.equal(events.length, 0)
  assert.equal((await app.inject(json(good()))).statusCode, 200)
})

test('a robot needs no token, a wish to wait gets the landed deal, a transfer is 202', async (t) => {
  const { app, events } = setUp(t)
  assert.equal((await app.inject(form('/webhook/bitrix24/secret-acme/robot', 'document_id[]=crm&document_id[]=DEAL_5'))).json<{ source_deal_id: number }>().source_deal_id, 5)
  assert.equal((await app.inject(json(good(8), { prefer: 'wait=5' }))).json<{ target_deal_id: number }>().target_deal_id, 789)
  assert.equal((await app.inject({ ...json({ portal: 'acme', deal_id: 9 }), url: '/v1/transfers' })).statusCode, 202)
  assert.equal(events.length, 3)
})
