import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { handler, testPortal } from '../../simulator/testing.ts'
import { freePort } from '../../test/support/ports.ts'
import { anyTime, connectPortal } from '../../test/support/portal-client.ts'
import type { Holder } from '../../test/support/system.ts'
import type { Command } from './batch.ts'
import { createBreaker } from './breaker.ts'
import type { PortalClient } from './client.ts'

const SECRET = 'abc123secretxyz'
const ADD = { method: 'crm.item.add', params: { entityTypeId: 2, fields: { title: 'A' } } }
const read = async (client: PortalClient): Promise<string> => outcome(await client.call('user.current', {}, anyTime('read')))
const write = async (client: PortalClient): Promise<string> => outcome(await client.call(ADD.method, ADD.params, anyTime('write')))
const outcome = (answer: Awaited<ReturnType<PortalClient['call']>>): string => answer.kind === 'ok' ? 'ok' : `${answer.failure.class} ${answer.failure.code}`

/** A host that is no portal: it answers as told, and counts. */
async function host (t: Holder, answer: (response: http.ServerResponse) => void): Promise<{ restUrl: string, seen: string[] }> {
  const seen: string[] = []
  const server = http.createServer((request, response) => { seen.push(request.url ?? ''); request.resume().on('end', () => answer(response)) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close(); server.closeAllConnections() })
  return { restUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rest/1/${SECRET}/`, seen }
}

test('what goes wrong on the way to a portal and back is told apart for reads and writes', async (t) => {
  const at = await testPortal(t, { limits: { per_second: 1000, burst: 10000 } })
  const client = await connectPortal(t, at.restUrl)
  const fresh = async (): Promise<PortalClient> => await connectPortal(t, at.restUrl)
  for (const [mode, expected] of [['502', 'http_502'], ['html200', 'no_answer'], ['truncated', 'no_answer'], ['empty', 'no_answer'], ['malformed', 'no_answer']] as const) {
    at.fault({ where: 'answer', mode, times: 2 })
    const one = await fresh()
    assert.deepEqual([await read(one), await write(one)], [`transient ${expected}`, `unknown ${expected}`], mode)
  }
  at.fault({ where: 'write', mode: 'lost', times: 1 })
  assert.equal(await write(client), 'unknown no_answer')
  assert.equal(await write(client), 'ok')
})

test('a redirect is not followed: the other host hears nothing, and the portal counts as moved', async (t) => {
  const at = await testPortal(t)
  const other = await handler(t)
  at.fault({ where: 'auth', mode: 'redirect', to: other.url })
  const client = await connectPortal(t, at.restUrl)
  assert.deepEqual([await read(client), await write(client), other.received.length], ['portal http_302', 'portal http_302', 0])
})

test('a portal that is not there was surely not written to', async (t) => {
  const client = await connectPortal(t, `http://127.0.0.1:${await freePort()}/rest/1/${SECRET}/`)
  assert.deepEqual([await read(client), await write(client)], ['unsent not_reached', 'unsent not_reached'])
})

test('an answer that does not come, or drips for longer than the time-out, ends at the time-out and leaves a write unknown', async (t) => {
  const silent = await host(t, () => undefined)
  const dripping = await host(t, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const drip = setInterval(() => response.write(' '), 40)
    response.on('close', () => clearInterval(drip))
  })
  for (const { restUrl, seen } of [silent, dripping]) {
    const client = await connectPortal(t, restUrl, { timeoutMs: 300 })
    const started = performance.now()
    assert.deepEqual([await read(client), await write(client), seen.length], ['transient no_answer', 'unknown no_answer', 2])
    assert.ok(performance.now() - started < 5000)
  }
})

test('an answer larger than 32 MB is cut off', async (t) => {
  const chunk = Buffer.alloc(1_048_576, ' ')
  let sent = 0
  const { restUrl } = await host(t, (response) => {
    response.writeHead(200)
    const more = (): void => { while (sent < 200 && !response.destroyed && response.write(chunk)) sent += 1 }
    response.on('drain', () => { sent += 1; more() })
    more()
  })
  assert.equal(await read(await connectPortal(t, restUrl)), 'transient no_answer')
  assert.ok(sent < 100, `${sent} MB were taken`)
})

test('the secret of the address is in no error, whoever says it', async (t) => {
  const echo = (status: number, body: string): Promise<{ restUrl: string }> => host(t, response => response.writeHead(status).end(body))
  const hosts = [
    await echo(404, JSON.stringify({ error: `no /rest/1/${SECRET}/`, error_description: `The address /rest/1/${SECRET}/user.current.json was not found` })),
    await echo(200, `<html>${SECRET}</html>`), await echo(200, `{"result": ${SECRET}`), await host(t, response => response.destroy()),
    { restUrl: `http://127.0.0.1:${await freePort()}/rest/1/${SECRET}/` }, { restUrl: `http://nowhere.invalid/rest/1/${SECRET}/` }, { restUrl: `http:///rest/1/${SECRET}/` }
  ]
  for (const { restUrl } of hosts) {
    const client = await connectPortal(t, restUrl)
    for (const intent of ['read', 'write'] as const) {
      const answer = await client.call('user.current', {}, anyTime(intent))
      assert.equal(answer.kind, 'failed', restUrl)
      assert.ok(!JSON.stringify(answer).includes(SECRET), JSON.stringify(answer))
    }
    const batch = await client.batch(new Map([['w', ADD]]), anyTime('write'))
    assert.ok(batch.kind === 'failed' && !JSON.stringify(batch).includes(SECRET))
  }
  assert.equal(hosts.length, 7)
})

test('a request whose time has passed is not written, and ours being late opens no circuit', async (t) => {
  const at = await testPortal(t)
  const breaker = createBreaker()
  const client = await connectPortal(t, at.restUrl, { breaker })
  for (let i = 0; i < 10; i++) {
    const late = i % 2 === 0 ? { slot: { notAfter: 0 } } : { slot: { notAfter: Infinity }, notAfter: 0 }
    assert.equal(outcome(await client.call(ADD.method, ADD.params, { intent: 'write', ...late })), 'unsent too_late')
  }
  assert.deepEqual([client.breakerState(), at.stats().requests, at.deals().length], ['closed', 0, 0])
})

test('a method whose time is used up inside a batch, which is answered 200, waits for the reset on the portal\'s own clock', async (t) => {
  const at = await testPortal(t)
  const client = await connectPortal(t, at.restUrl)
  const run = async (): Promise<string[]> => {
    const answer = await client.batch(new Map<string, Command>([['w0', ADD], ['r0', { method: 'crm.item.list', params: { entityTypeId: 2 } }], ['x', { method: 'crm.item.get', params: { entityTypeId: 2, id: 999 } }]]), anyTime('write'))
    if (answer.kind === 'failed') return [outcome(answer)]
    return ['w0', 'r0', 'x', 'never sent'].map((key) => { const fate = answer.fate(key); return fate.kind === 'failed' ? `${fate.failure.class} ${fate.failure.code} ${fate.failure.waitMs ?? ''}` : fate.kind })
  }
  assert.deepEqual(await run(), ['ok', 'ok', 'missing NOT_FOUND ', 'none'])
  at.advance(60_000)
  at.fault({ where: 'limit', mode: 'operating', method: 'crm.item.add', times: 1 })
  const [add, list] = await run()
  const waitMs = Number(/^throttled OPERATION_TIME_LIMIT (\d+)/.exec(add ?? '')?.[1] ?? 0)
  assert.ok(waitMs > 590_000 && waitMs <= 600_000 && list === 'ok', `${add} ${list}`)
  assert.deepEqual([client.heldMs('crm.item.add') > 590_000, client.heldMs('crm.item.list')], [true, 0])
})

test('the time of the method batch holds every method, since all of them travel in batches', async (t) => {
  const at = await testPortal(t)
  const client = await connectPortal(t, at.restUrl)
  at.fault({ where: 'answer', mode: '429', method: 'batch', times: 1 })
  assert.equal((await client.batch(new Map([['w', ADD]]), anyTime('write'))).kind, 'failed')
  assert.deepEqual(['crm.item.add', 'crm.item.list'].map(method => client.heldMs(method) > 0), [true, true])
})
