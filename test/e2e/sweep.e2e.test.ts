import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { refusedRequests } from '../../simulator/oracle.ts'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'
import { eventually } from '../support/eventually.ts'
import { startSystem } from '../support/system.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))

test('with no webhook at all, a created, an updated, a moved and a deleted deal follow by the sweep alone', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t, { source: { webhooks: [], limits: { per_second: 200, burst: 2000 } }, sweep: { every: '500ms', full_every: '1s' } })
  await system.run('all')
  const acme = system.simulator.portal('acme')
  const main = system.simulator.portal('main')
  const landed = async (id: number, holds: (deal: Record<string, unknown>) => boolean): Promise<unknown> => await eventually(() =>
    main.deals().some(deal => deal['ORIGIN_ID'] === `acme:${id}` && holds(deal)), { deadlineMs: 30_000 })
  const id = acme.create({ TITLE: 'Pumps', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  const elsewhere = acme.create({ TITLE: 'Valves', CATEGORY_ID: 0, STAGE_ID: 'NEW', CURRENCY_ID: 'RUB' })

  await t.test('created', async () => { await landed(id, () => true) })
  await t.test('updated', async () => {
    acme.update(id, { TITLE: 'Pumps, 12 of them' })
    await landed(id, deal => deal['TITLE'] === 'Pumps, 12 of them')
  })
  await t.test('a parked deal waits for its next change, and is not tried again by further passes', async () => {
    const parked = async (): Promise<boolean> => (await system.deal('acme', elsewhere))?.state === 'parked'
    await eventually(parked, { deadlineMs: 30_000 })
    await eventually(async () => (await system.summary()).open === 0, { deadlineMs: 30_000 })
    const { signals } = await system.summary()
    const before = acme.stats().requests
    await eventually(() => acme.stats().requests >= before + 8, { deadlineMs: 60_000 })
    assert.deepEqual([(await system.summary()).signals, await parked()], [signals, true])
  })
  await t.test('moved to another funnel', async () => {
    acme.update(elsewhere, { CATEGORY_ID: 1, STAGE_ID: 'C1:EXECUTING' })
    await landed(elsewhere, deal => deal['STAGE_ID'] === 'EXECUTING')
  })
  await t.test('deleted: found by the full pass, closed as the mapping says', async () => {
    acme.remove(id)
    await landed(id, deal => deal['STAGE_ID'] === 'LOSE')
    await eventually(async () => (await system.deal('acme', id))?.state === 'deleted', { deadlineMs: 30_000 })
  })
  await t.test('then all is quiet: further passes, full ones too, give no signal, every signal has its end, and no request was refused', async () => {
    const { signals } = await eventually(async () => { const now = await system.summary(); return now.open === 0 && now }, { deadlineMs: 30_000 })
    const before = acme.stats().requests
    await eventually(() => acme.stats().requests >= before + 10, { deadlineMs: 60_000 })
    const after = await system.summary()
    assert.deepEqual([after.signals, after.open], [signals, 0])
    assert.equal(after.signals, Object.values(after.ends).reduce((sum, count) => sum + count, 0))
    assert.deepEqual(refusedRequests(acme.journal()), [])
    const metrics = await (await fetch(`http://127.0.0.1:${system.admin + 1}/metrics`)).text()
    assert.match(metrics, /^dealbridge_sweep_signals_total\{portal="acme",kind="deleted"\} 1$/m)
  })
})

test('`sweep run` does one pass now, says what it counted, and goes on at the cursor of the one before', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t, { source: { webhooks: [] } })
  await system.run('projector', 'dispatcher', 'query')
  const acme = system.simulator.portal('acme')
  const sweep = async (...more: string[]): Promise<Record<string, unknown>[]> => {
    const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, CLI, 'sweep', 'run', '--config', system.config, '--json', ...more])
    return (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { portals: Record<string, unknown>[] }).portals
  }
  const told = (portals: Record<string, unknown>[]): unknown[] => portals.map(each => [each['portal'], each['result'], each['signalled'], each['deleted']])
  const id = acme.create({ TITLE: 'Pumps', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
  assert.deepEqual(told(await sweep()), [['acme', 'done', 1, 0], ['beta', 'done', 0, 0]])
  await eventually(async () => (await system.deal('acme', id))?.state === 'landed', { deadlineMs: 30_000 })
  assert.deepEqual((await sweep('--portal', 'acme')).map(each => [each['listed'], each['same'], each['requests']]), [[1, 1, 1]])
  acme.remove(id)
  assert.deepEqual(told(await sweep('--portal', 'acme', '--full')), [['acme', 'done', 0, 1]])
  await eventually(async () => (await system.deal('acme', id))?.state === 'deleted', { deadlineMs: 30_000 })
})

test('what a portal held before dealbridge came is backfilled, told how far it is, and a withdrawn right closes none of it', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t, { source: { webhooks: [], limits: { per_second: 200, burst: 2000 } }, target: { limits: { per_second: 200, burst: 2000 } } })
  const acme = system.simulator.portal('acme')
  const before = Math.floor(Date.now() / 1000) * 1000 - 3_600_000
  const ids = Array.from({ length: 70 }, (_, i) => acme.create({ TITLE: `old ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' }))
  for (const id of ids) acme.store.all(2).set(id, { ...acme.store.get(2, id), DATE_CREATE: before, DATE_MODIFY: before })
  await system.run('all')
  await eventually(async () => (await system.summary()).ends['applied'] === 70, { deadlineMs: 60_000 })
  const timeline = JSON.stringify(await system.get(`/v1/deals/acme/${ids[0]}/timeline`))
  assert.match(timeline, /backfill/)
  await eventually(async () => /^dealbridge_sweep_full_pass_deals\{portal="acme",deals="listed"\} 70$/m.test(await (await fetch(`http://127.0.0.1:${system.admin + 1}/metrics`)).text()), { deadlineMs: 30_000 })
  for (const id of ids) acme.hide(id)
  const sweep = async (...more: string[]): Promise<{ code: number, absent: unknown, said: string }> => {
    const out = await promisify(execFile)(process.execPath, [...NODE_FLAGS, CLI, 'sweep', 'run', '--config', system.config, '--portal', 'acme', '--full', '--json', ...more])
      .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), (error: unknown) => error as { code: number, stdout: string, stderr: string })
    const { portals: [told] } = JSON.parse(out.stdout.trim().split('\n').at(-1) ?? '') as { portals: Record<string, unknown>[] }
    return told?.['result'] === 'busy' ? await sweep(...more) : { code: out.code, absent: told?.['absent'], said: out.stderr }
  }
  const refused = await sweep()
  assert.deepEqual([refused.code, refused.absent], [3, 70])
  assert.match(refused.said, /--full --yes/)
  assert.equal((await system.summary()).signals, 70)
  assert.equal(system.simulator.portal('main').deals().filter(deal => deal['STAGE_ID'] === 'LOSE').length, 0)
})
