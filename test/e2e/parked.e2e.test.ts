import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { doubledAdds } from '../../simulator/oracle.ts'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'
import { eventually } from '../support/eventually.ts'
import { KEY, startSystem } from '../support/system.ts'
import type { Summary, System } from '../support/system.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const MAPPING = readFileSync(new URL('../../mapping/partner.yaml', import.meta.url), 'utf8')

interface Said { readonly code: number | null, readonly out: string, readonly said: string, readonly json: Readonly<Record<string, unknown>> }

async function command (...args: string[]): Promise<Said> {
  const child = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  const [code] = await once(child, 'close') as [number | null]
  const last = out.trim().split('\n').at(-1) ?? ''
  return { code, out, said, json: last.startsWith('{') ? JSON.parse(last) as Record<string, unknown> : {} }
}

function mappingFile (t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-parked-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = path.join(dir, 'mapping.yaml')
  writeFileSync(file, MAPPING)
  return file
}

const restart = async (system: System, running: ChildProcess): Promise<ChildProcess> => {
  running.kill('SIGTERM')
  await once(running, 'exit')
  return await system.run('all')
}
const conserved = ({ signals, open, ends }: Summary): void => assert.equal(signals, open + Object.values(ends).reduce((a, b) => a + b, 0))

test('parked deals are listed, released after a correction of the mapping, skipped and held, and healthy ones never notice', { timeout: 240_000 }, async (t) => {
  const mapping = mappingFile(t)
  const system = await startSystem(t, { mapping })
  const parked = (...args: string[]): Promise<Said> => command('parked', ...args, '--config', system.config)
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  const make = (title: string, stage: string): number => acme.create({ TITLE: title, CATEGORY_ID: 1, STAGE_ID: stage, OPPORTUNITY: 5, CURRENCY_ID: 'RUB' })
  const state = async (id: number): Promise<string | undefined> => (await system.deal('acme', id))?.state
  let running = await system.run('all')
  const healthy = [1, 2, 3].map(i => make(`healthy ${i}`, 'C1:NEW'))
  const stuck = [1, 2, 3, 4].map(i => make(`stuck ${i}\u001b[2J`, 'C1:APOLOGY'))
  const [first = 0, , , last = 0] = stuck
  const [well = 0] = healthy
  const before = await system.settled(7)
  const writes = (): number => main.journal().filter(entry => entry.kind === 'applied').length
  const written = writes()

  await t.test('list and show tell which deals are parked and why, in words and as JSON, without control characters of a title', async () => {
    const listed = await parked('list', '--json')
    assert.equal(listed.code, 0)
    assert.deepEqual((listed.json['items'] as { deal_id: number, reason: string, stage: string }[]).map(deal => [deal.deal_id, deal.reason, deal.stage]), stuck.map(id => [id, 'stage_unmapped', 'C1:APOLOGY']))
    const words = await parked('list', '--reason', 'stage_unmapped')
    assert.match(words.out, new RegExp(`acme:${first}  stuck 1`))
    assert.match(words.said, /4 deals parked\. .*parked release --reason stage_unmapped --yes/)
    assert.ok(!words.out.includes('\u001b'))
    assert.deepEqual((await parked('list', '--portal', 'beta', '--json')).json['parked'], 0)
    const shown = await parked('show', `acme:${first}`)
    assert.equal(shown.code, 0)
    assert.match(shown.out, /The stage C1:APOLOGY has no line/)
  })
  await t.test('a deal that is not parked is named in plain words, and nothing is ordered for it', async () => {
    const shown = await parked('show', `acme:${well}`)
    assert.deepEqual([shown.code, shown.said.trim()], [1, `acme:${well} is not parked: it has landed.`])
    const released = await parked('release', `acme:${well}`, 'acme:999999', '--yes', '--json')
    assert.deepEqual([released.code, released.json['released']], [1, 0])
    assert.match(released.said, /acme:999999 is not parked: nothing is known of such a deal/)
    assert.equal((await system.summary()).signals, before.signals)
  })
  await t.test('without --yes nothing changes and the exit code is 3', async () => {
    for (const order of [['release', '--all'], ['release', `acme:${first}`], ['skip', `acme:${first}`], ['hold', `acme:${first}`]]) {
      const refused = await parked(...order, '--json')
      assert.equal(refused.code, 3)
      assert.match(refused.said, /Nothing was changed; say --yes/)
    }
    assert.deepEqual(await system.summary(), before)
  })
  await t.test('status shows it on one screen', async () => {
    const { code, json } = await command('status', '--config', system.config, '--json')
    assert.equal(code, 0)
    assert.deepEqual([json['signals'], json['open'], json['landed'], json['parked'], json['reasons'], json['away']], [7, 0, 3, 4, { stage_unmapped: 4 }, []])
    assert.deepEqual(json['lag'], { signals: 0, transfers: 0 })
    assert.ok(((json['budget'] as Record<string, { depth: number }>)['main']?.depth ?? 0) > 0)
    assert.deepEqual(json['portals'], { acme: { state: 'works' }, beta: { state: 'works' }, main: { state: 'works' } })
    assert.match((await command('status', '--config', system.config)).out, /^Deals +3 landed, 0 waiting, 0 deferred, 4 parked/m)
  })
  await t.test('a release before the correction parks the deal again, and no write is made', async () => {
    const released = await parked('release', `acme:${first}`, '--yes', '--json')
    assert.deepEqual([released.code, released.json['released'], released.json['states']], [0, 1, { parked: 1 }])
    assert.equal(writes(), written)
  })
  await t.test('a skipped deal leaves the list, a held one stays through its next change', async () => {
    const skipped = await parked('skip', `acme:${first}`, '--yes', '--json')
    assert.deepEqual([skipped.code, skipped.json['skipped'], await state(first)], [0, 1, 'skipped'])
    const held = await parked('hold', `acme:${last}`, '--yes', '--json')
    assert.deepEqual([held.code, held.json['held']], [0, 1])
    acme.move(last, 'C1:NEW')
    conserved(await system.settled(before.signals + 4))
    assert.equal((await system.deal('acme', last))?.reason, 'operator_hold')
    assert.equal(writes(), written)
  })
  await t.test('after the correction, release by reason lands the others once in the state they have now, and the held one stays', async () => {
    acme.setWebhooks([])
    acme.update(stuck[1] ?? 0, { TITLE: 'changed while parked' })
    writeFileSync(mapping, MAPPING.replace('"C1:LOSE": LOSE', '"C1:LOSE": LOSE\n  "C1:APOLOGY": LOSE'))
    running = await restart(system, running)
    const released = await parked('release', '--reason', 'stage_unmapped', '--yes', '--json')
    assert.deepEqual([released.code, released.json['released']], [0, 2])
    await eventually(async () => (await Promise.all(stuck.slice(1, 3).map(state))).every(now => now === 'landed'), { deadlineMs: 60_000 })
    assert.equal(writes(), written + 2)
    assert.ok(main.deals().some(deal => deal['TITLE'] === 'changed while parked' && deal['STAGE_ID'] === 'LOSE'))
    assert.deepEqual((await parked('release', '--all', '--yes', '--json')).json['released'], 0)
    assert.equal(await state(last), 'parked')
  })
  await t.test('the held deal is released by its name, and the figures add up', async () => {
    assert.equal((await parked('release', `acme:${last}`, '--yes', '--json')).json['released'], 1)
    await eventually(async () => await state(last) === 'landed', { deadlineMs: 30_000 })
    const summary = await system.settled(1)
    conserved(summary)
    assert.deepEqual([summary.ends['parked'], summary.ends['skipped'], main.deals().length], [0, 1, 6])
    assert.deepEqual(doubledAdds(main.journal()), [])
    const touched = main.journal().filter(entry => entry.kind === 'applied').length
    assert.equal(touched, healthy.length + 3, 'a healthy deal was written again')
  })
  await t.test('a deal that is parked for its stage lands with an edited one, and what the mapping does not write is refused', async () => {
    const lone = system.simulator.portal('beta').create({ TITLE: 'lone' })
    const now = async (): Promise<string | undefined> => (await system.deal('beta', lone))?.state
    await eventually(async () => await now() === 'parked', { deadlineMs: 60_000 })
    const name = `beta:${lone}`
    const refused = await parked('edit', name, '--set', 'PROBABILITY=9', '--set', 'ORIGIN_ID=acme:1', '--yes')
    assert.equal(refused.code, 2)
    assert.match(refused.said, /ORIGIN_ID is how dealbridge finds its deals[^]*the mapping writes no PROBABILITY; it writes STAGE_ID/)
    assert.deepEqual([(await parked('edit', name, '--set', 'STAGE_ID=FINAL')).code, await now()], [3, 'parked'])
    const edited = await parked('edit', name, '--set', 'STAGE_ID=FINAL', '--set', 'TITLE=corrected', '--yes', '--json')
    assert.deepEqual([edited.code, edited.json['edited'], edited.json['states']], [0, 1, { landed: 1 }])
    const [copy] = main.deals().filter(deal => deal['ORIGIN_ID'] === name)
    assert.deepEqual([copy?.['STAGE_ID'], copy?.['TITLE']], ['FINAL', 'corrected'])
    assert.match(JSON.stringify(await system.get(`/v1/deals/beta/${lone}/timeline`)), /An operator ordered: edit STAGE_ID, TITLE\./)
    assert.match((await parked('edit', name, '--set', 'TITLE=again', '--yes')).said, /is not parked: it has landed/)
  })
  await t.test('status names a part that is away and shows the rest', async () => {
    process.kill(system.parts.pids['redis'] ?? 0, 'SIGKILL')
    const { code, json } = await command('status', '--config', system.config, '--json')
    assert.deepEqual([code, json['landed'], json['budget'], json['away']], [0, 7, null, ['redis']])
    const words = await command('status', '--config', system.config)
    assert.match(words.out, /^Away +Redis does not answer/m)
    process.kill(system.parts.pids['postgres'] ?? 0, 'SIGKILL')
    const without = await command('status', '--config', system.config, '--json')
    assert.deepEqual([without.code, without.json['landed'], without.json['away']], [0, null, ['postgres', 'redis']])
  })
})

test('a parked deal that is released over HTTP lands, and of an order that was refused while Kafka was away nothing is done later', { timeout: 240_000 }, async (t) => {
  const mapping = mappingFile(t)
  const system = await startSystem(t, { mapping })
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  const state = async (id: number): Promise<string | undefined> => (await system.deal('acme', id))?.state
  const order = async (verb: string, body: object): Promise<{ status: number, retry: string | null, json: Record<string, unknown> }> => {
    const answer = await fetch(`${system.query}/v1/parked/${verb}`, { method: 'POST', headers: { 'x-api-key': KEY, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: answer.status, retry: answer.headers.get('retry-after'), json: await answer.json() as Record<string, unknown> }
  }
  const running = await system.run('all')
  const make = (title: string, funnel: number, stage: string): number => acme.create({ TITLE: title, CATEGORY_ID: funnel, STAGE_ID: stage, OPPORTUNITY: 5, CURRENCY_ID: 'RUB' })
  const [stuck, other] = [make('stuck', 1, 'C1:APOLOGY'), make('other', 0, 'NEW')]
  await system.settled(2)
  assert.deepEqual((await order('release', { all: true, dry_run: true })).json, { would: 2, left: [] })
  writeFileSync(mapping, MAPPING.replace('"C1:LOSE": LOSE', '"C1:LOSE": LOSE\n  "C1:APOLOGY": LOSE'))
  await restart(system, running)

  const released = await order('release', { deals: [{ portal: 'acme', deal_id: stuck }] })
  assert.deepEqual([released.status, released.json], [202, { released: 1, left: [] }])
  await eventually(async () => await state(stuck) === 'landed', { deadlineMs: 60_000 })
  assert.deepEqual(main.deals().map(deal => [deal['TITLE'], deal['STAGE_ID']]), [['stuck', 'LOSE']])

  process.kill(system.parts.pids['kafka-1'] ?? assert.fail('no broker'), 'SIGKILL')
  const refused = await order('release', { deals: [{ portal: 'acme', deal_id: other }] })
  assert.deepEqual([refused.status, refused.retry, await state(other)], [503, '2', 'parked'])
  assert.match(String(refused.json['detail']), /The log takes no orders now; 0 of 1 are given for sure/)
  await system.restartParts()
  const edited = await eventually(async () => {
    const answer = await order('edit', { portal: 'acme', deal_id: other, set: { STAGE_ID: 'FINAL', TITLE: 'corrected' } })
    return answer.status === 202 && answer
  }, { deadlineMs: 60_000 })
  assert.deepEqual(edited.json, { edited: 1, left: [] })
  await eventually(async () => await state(other) === 'landed', { deadlineMs: 60_000 })
  const timeline = JSON.stringify(await system.get(`/v1/deals/acme/${other}/timeline`))
  assert.match(timeline, /An operator ordered: edit STAGE_ID, TITLE\./)
  assert.doesNotMatch(timeline, /An operator ordered: release/)
  conserved(await system.settled(4))
  assert.deepEqual(doubledAdds(main.journal()), [])
})
