import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'
import type { Holder } from '../../test/support/system.ts'
import type { PortalClient } from './client.ts'
import { READ_SIZE, probe, readDeals, readItem, readLookUp } from './read.ts'
import type { DealsRead } from './read.ts'

const NEVER = new AbortController().signal
const LIMITS = { limits: { per_second: 1000, burst: 10000 } }

async function connected (t: Holder, config: Parameters<typeof testPortal>[1] = {}): Promise<{ at: TestPortal, client: PortalClient }> {
  const at = await testPortal(t, { ...LIMITS, ...config })
  return { at, client: await connectPortal(t, at.restUrl) }
}

const create = (at: TestPortal, count: number): string[] => Array.from({ length: count }, (_, i) => String(at.create({ TITLE: `deal ${i}` })))
const kinds = (read: DealsRead, ids: readonly string[]): unknown[] => ids.map(id => read.kind === 'read' ? read.deals.get(id)?.kind : read.kind)
const deal = (read: DealsRead, id: string): Record<string, unknown> => {
  const found = read.kind === 'read' ? read.deals.get(id) : undefined
  return found?.kind === 'found' ? found.deal : {}
}

test('2,500 deals are read in one request, each as itself', async (t) => {
  const { at, client } = await connected(t)
  const ids = create(at, READ_SIZE)
  assert.equal(READ_SIZE, 2500)
  const read = await readDeals(client, ids, NEVER)
  assert.deepEqual(ids.map(id => deal(read, id)['TITLE']), ids.map((_, i) => `deal ${i}`))
  assert.equal(at.stats().requests, 1)
})

test('a page holds 50: the 51st deal comes by another command of the same request', async (t) => {
  const { at, client } = await connected(t)
  for (const count of [1, 49, 50, 51, 101]) {
    const ids = create(at, count)
    const before = at.stats()
    assert.deepEqual(new Set(kinds(await readDeals(client, ids, NEVER), ids)), new Set(['found']))
    assert.deepEqual([at.stats().requests - before.requests, at.stats().commands - before.commands], [1, Math.ceil(count / 50)])
  }
})

test('a deal that the list leaves out is asked for by get, which tells deleted from not readable, in one more request', async (t) => {
  const { at, client } = await connected(t)
  const [here = '', gone = '', hidden = ''] = create(at, 3)
  at.remove(Number(gone))
  at.hide(Number(hidden))
  const read = await readDeals(client, [here, gone, hidden, '999999'], NEVER)
  assert.deepEqual(kinds(read, [here, gone, hidden, '999999']), ['found', 'deleted', 'unreadable', 'deleted'])
  const refused = read.kind === 'read' ? read.deals.get(hidden) : undefined
  assert.match(refused?.kind === 'unreadable' ? refused.detail : '', /refuses to show this deal \(ACCESS_DENIED/)
  assert.equal(at.stats().requests, 2)
})

test('a deal that a lagging list does not show yet is found by get', async (t) => {
  const { at, client } = await connected(t, { switches: { list_lag_ms: 60_000 } })
  const [id = ''] = create(at, 1)
  assert.deepEqual(kinds(await readDeals(client, [id], NEVER), [id]), ['found'])
  assert.equal(at.stats().requests, 2)
})

test('no deal counts as deleted when the portal refuses, is throttled or answers nonsense, neither in the list nor in the get', async (t) => {
  const { at, client } = await connected(t)
  const ids = create(at, 2)
  const [gone = ''] = ids
  at.remove(Number(gone))
  for (const method of ['crm.item.list', 'crm.item.get']) {
    at.fault({ where: 'limit', mode: 'operating', method, times: 1 })
    const read = await readDeals(client, ids, NEVER)
    assert.deepEqual(read.kind === 'failed' && [read.failure.class, read.failure.code], ['throttled', 'OPERATION_TIME_LIMIT'], method)
    at.fault({ where: 'write', mode: 'command_fails', code: 'INTERNAL_SERVER_ERROR', method, times: 1 })
    assert.equal((await readDeals(client, ids, NEVER)).kind, 'failed', method)
  }
  at.fault({ where: 'auth', mode: 'no_auth', times: 1 })
  assert.equal((await readDeals(client, ids, NEVER)).kind, 'failed')
  assert.deepEqual(kinds(await readDeals(client, ids, NEVER), ids), ['deleted', 'found'])
})

test('a read begins on the portal\'s clock, custom fields keep their names, and dates are days in every zone', async (t) => {
  for (const zone of ['+03:00', '-05:00', '+14:00']) {
    const { at, client } = await connected(t, { zone, custom_fields: [{ name: 'UF_CRM_3_DIGIT10', type: 'string' }, { name: 'UF_CRM_MANY', type: 'string', multiple: true }, { name: 'UF_CRM_DAY', type: 'date' }] })
    const id = String(at.create({ TITLE: 'A', OPPORTUNITY: 999.99, CURRENCY_ID: 'RUB', BEGINDATE: '2026-08-30', CLOSEDATE: '2026-12-31', UF_CRM_3_DIGIT10: 'x', UF_CRM_MANY: ['a', 'b'], UF_CRM_DAY: '2026-08-30' }))
    const read = await readDeals(client, [id], NEVER)
    const got = deal(read, id)
    assert.deepEqual([String(got['UF_CRM_DAY']).slice(0, 10), got['BEGINDATE'], got['CLOSEDATE'], got['OPPORTUNITY'], got['UF_CRM_3_DIGIT10'], got['UF_CRM_MANY']], ['2026-08-30', '2026-08-30', '2026-12-31', '999.99', 'x', ['a', 'b']], zone)
    assert.equal(read.kind === 'read' && read.beganAt, Date.parse('2026-03-01T12:00:00Z'))
  }
})

const ORIGIN = 'acme:7'

test('an item that is none costs only itself, an empty list in place of a map holds nothing, and any other shape tells nothing', () => {
  const ours = { id: 5, originatorId: 'dealbridge', originId: ORIGIN }
  for (const broken of [null, {}, [], { id: 'x' }, { id: 0 }]) assert.equal(readLookUp({ items: [broken, ours] })?.get(ORIGIN)?.id, '5', JSON.stringify(broken))
  assert.equal(readLookUp({ items: [{ ...ours, originatorId: 'shop' }, { ...ours, originId: 7 }] })?.size, 0, 'the filter is not trusted')
  assert.equal(readLookUp([])?.size, 0)
  for (const result of [null, {}, 'x', [1], { items: {} }, undefined]) assert.equal(readLookUp(result), undefined, JSON.stringify(result))
  for (const result of [null, [], {}, { item: [] }, { item: { id: -1 } }]) assert.equal(readItem(result), undefined, JSON.stringify(result))
})

test('a portal that is too slow for a whole request is read in several, and no deal is left out', async (t) => {
  const { at, client } = await connected(t)
  const ids = create(at, 120)
  const read = await readDeals({ ...client, batchSize: () => 1 }, ids, NEVER)
  assert.deepEqual([kinds(read, ids).filter(kind => kind === 'found').length, at.stats().requests], [120, 3])
})

test('the probe is one cheap read that works on an empty portal, and says what the portal refuses', async (t) => {
  const { at, client } = await connected(t)
  assert.equal(await probe(client, await client.limiter.slot(NEVER)), null)
  at.fault({ where: 'auth', mode: 'portal_deleted', times: 1 })
  assert.equal((await probe(client, await client.limiter.slot(NEVER)))?.class, 'portal')
  assert.equal(at.stats().requests, 2)
})
