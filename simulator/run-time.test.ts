import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readJournal } from './journal.ts'
import { addsPerOrigin, untracedWrites } from './oracle.ts'
import { APP, asReply, call, handler, refusal, testPortal, until } from './testing.ts'

test('a frozen portal takes requests and answers none; what came takes effect when it thaws, webhooks too', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: to.url, kind: 'ui' }] })
  at.freeze()
  const giveUp = new AbortController()
  const url = `${at.restUrl}crm.deal.add?fields[TITLE]=A`
  const waiting = fetch(url, { signal: giveUp.signal }).catch(() => 'gave up')
  await until(() => at.stats().requests === 1)
  giveUp.abort()
  assert.equal(await waiting, 'gave up')
  at.update(at.create({ TITLE: 'by a person' }), { TITLE: 'again' })
  // Another portal's webhook, of a later save, is there first.
  const other = await testPortal(t, { webhooks: [{ url: `${to.url}/other`, kind: 'ui' }] })
  other.create({ TITLE: 'B' })
  await other.idle()
  assert.deepEqual([at.deals().length, to.received.map(one => one.path)], [1, ['/other']])
  at.thaw()
  await until(() => at.deals().length === 2)
  await at.idle()
  assert.equal(to.received.length, 4)
})

test('the zone changes at run time: the same moment is shown with another offset', async (t) => {
  const at = await testPortal(t)
  const id = at.create({ TITLE: 'A', BEGINDATE: '2026-08-30' })
  const shown = async (): Promise<unknown[]> => {
    const { item } = (await call(at, 'crm.item.get', { entityTypeId: 2, id })).body['result'] as { item: Record<string, unknown> }
    return [item['createdTime'], item['begindate']]
  }
  assert.deepEqual(await shown(), ['2026-03-01T15:00:00+03:00', '2026-08-30T03:00:00+03:00'])
  at.configure({ zone: '-05:00' })
  assert.deepEqual(await shown(), ['2026-03-01T07:00:00-05:00', '2026-08-29T19:00:00-05:00'])
})

test('stages, users and currencies can go at run time; the name cannot, and a bad zone is not taken', async (t) => {
  const at = await testPortal(t)
  at.configure({ funnels: [{ id: 0, stages: ['NEW', 'WON'] }], currencies: ['EUR'], users: [] })
  const stages = (await call(at, 'crm.status.list', { filter: { ENTITY_ID: 'DEAL_STAGE' } })).body['result'] as { STATUS_ID: string }[]
  assert.deepEqual(stages.map(stage => stage.STATUS_ID), ['NEW', 'WON'])
  assert.deepEqual((await call(at, 'user.get')).body['result'], [])
  assert.deepEqual(refusal(await call(at, 'crm.deal.add', { fields: { TITLE: 'A', CURRENCY_ID: 'RUB' } })), [400, ''])
  assert.throws(() => { at.configure({ name: 'q' } as object) }, /name cannot change/)
  assert.throws(() => { at.configure({ zone: 'Moscow' }) }, /zone/)
})

interface Program { readonly child: ChildProcess, readonly rest: string, readonly door: (method: string, where: string, body?: unknown) => Promise<Record<string, unknown>> }

/** A simulator as a program of its own, with a control door, a journal and a state file. */
async function program (t: TestContext, dir: string, ports: readonly number[]): Promise<Program> {
  const [control, portal] = ports
  const config = path.join(dir, 'simulator.json')
  writeFileSync(config, JSON.stringify({ control_port: control, journal: 'journal.ndjson', state_file: 'state.json', portals: [{ name: 'p', port: portal, secret: 's', apps: [APP] }] }))
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => { child.stdout.once('data', () => resolve()); child.once('exit', () => reject(new Error('the simulator ended'))) })
  return {
    child, rest: `http://127.0.0.1:${portal}/rest/1/s/`,
    door: async (method, where, body) => (await asReply(await fetch(`http://127.0.0.1:${control}${where}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }))).body
  }
}

function workshop (t: TestContext): { dir: string, ports: number[] } {
  const dir = mkdtempSync(path.join(tmpdir(), 'simulator-'))
  t.after(() => { rmSync(dir, { recursive: true, force: true }) })
  // Below the range of outgoing connections: one from there may be taken before the program listens on it.
  return { dir, ports: [randomInt(12_000, 22_000), randomInt(22_000, 32_000)] }
}

test('a simulator that is killed keeps every answered write, and its record goes on', async (t) => {
  const { dir, ports } = workshop(t)
  const first = await program(t, dir, ports)
  const add = async (at: Program, origin: string): Promise<number> => (await asReply(await fetch(`${at.rest}crm.deal.add?fields[TITLE]=A&fields[ORIGINATOR_ID]=x&fields[ORIGIN_ID]=${origin}`))).body['result'] as number
  const ids = [await add(first, '1'), await add(first, '2'), await add(first, '3')]
  await fetch(`${first.rest}crm.deal.delete?id=${ids[0]}`)
  first.child.kill('SIGKILL')
  await until(() => first.child.signalCode !== null)
  const second = await program(t, dir, ports)
  assert.equal(await add(second, '4'), 4)
  const deals = await second.door('GET', '/portals/p/deals') as unknown as { ID: number }[]
  assert.deepEqual(deals.map(deal => deal.ID), [2, 3, 4])
  const journal = readJournal(path.join(dir, 'journal.ndjson'))
  assert.deepEqual(journal.map(({ seq }) => seq), journal.map((_, i) => i + 1))
  assert.deepEqual(addsPerOrigin(journal), { 'x/1': 1, 'x/2': 1, 'x/3': 1, 'x/4': 1 })
  assert.deepEqual(untracedWrites(journal), [])
  assert.equal(new Set(journal.filter(({ kind }) => kind === 'received').map(({ request }) => request)).size, 5)
})

test('a simulator that is stopped keeps tokens, bindings and the offline queue', async (t) => {
  const { dir, ports } = workshop(t)
  const first = await program(t, dir, ports)
  const base = first.rest.replace('/rest/1/s/', '')
  const sent = await fetch(`${base}/oauth/authorize/?client_id=${APP.client_id}`, { redirect: 'manual' })
  const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const pair = (await asReply(await fetch(`${base}/oauth/token/?grant_type=authorization_code&client_id=${APP.client_id}&client_secret=${APP.client_secret}&code=${code}`))).body
  const auth = `auth=${String(pair['access_token'])}`
  await fetch(`${base}/rest/event.bind?event=ONCRMDEALADD&event_type=offline&${auth}`)
  await first.door('POST', '/portals/p/create', { fields: { TITLE: 'A' } })
  first.child.kill('SIGTERM')
  await until(() => first.child.exitCode !== null)
  assert.equal(first.child.exitCode, 0)
  const second = await program(t, dir, ports)
  await second.door('POST', '/portals/p/create', { fields: { TITLE: 'B' } })
  const { events } = (await asReply(await fetch(`${base}/rest/event.offline.get?${auth}`))).body['result'] as { events: unknown[] }
  assert.equal(events.length, 2)
})

test('the control door acts for people and robots, scripts faults, changes the clock, and costs no budget', async (t) => {
  const { dir, ports } = workshop(t)
  const { door, rest } = await program(t, dir, ports)
  const { id } = await door('POST', '/portals/p/create', { fields: { TITLE: 'A' } })
  await door('POST', '/portals/p/update', { id, fields: { TITLE: 'B' } })
  await door('POST', '/portals/p/robot', { id, fields: { SOURCE_DESCRIPTION: 'r' } })
  await door('POST', '/portals/p/move', { id, stage: 'WON' })
  const deal = await door('GET', `/portals/p/deals/${String(id)}`)
  assert.deepEqual([deal['TITLE'], deal['SOURCE_DESCRIPTION'], deal['STAGE_ID']], ['B', 'r', 'WON'])
  assert.equal((await door('GET', '/portals/p/stats'))['highestLevel'], 0)
  await door('POST', '/portals/p/fault', { where: 'auth', mode: 'plan_ended' })
  assert.equal((await fetch(`${rest}user.current`)).status, 403)
  await door('POST', '/portals/p/clear-faults')
  await door('POST', '/portals/p/configure', { zone: '+00:00' })
  await door('POST', '/clock', { advance_ms: 86_400_000 })
  const time = (await asReply(await fetch(`${rest}user.current`))).body['time'] as { start: number, date_start: string }
  assert.ok(time.start - Date.now() / 1000 > 86_000)
  assert.match(time.date_start, /\+00:00$/)
  await door('POST', '/portals/p/hide', { id })
  assert.equal((await fetch(`${rest}crm.deal.get?id=${String(id as number)}`)).status, 400)
  await door('POST', '/portals/p/delete', { id })
  assert.deepEqual(await door('GET', '/portals/p/deals'), [])
  assert.ok(((await door('GET', '/portals/p/journal?since=1')) as unknown as unknown[]).length > 3)
  assert.match(String((await door('POST', '/portals/p/fault', { where: 'x' }))['error']), /unknown fault place/)
  assert.match(String((await door('POST', '/portals/q/create'))['error']), /try/)
  await door('POST', '/portals/p/freeze')
  const waiting = fetch(`${rest}user.current`)
  await door('POST', '/portals/p/thaw')
  assert.equal((await waiting).status, 200)
})
