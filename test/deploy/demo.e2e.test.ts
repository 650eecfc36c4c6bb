import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { partsDown, partsUp } from '../../src/cli/parts/parts.ts'
import { eventually } from '../support/eventually.ts'
import { claimPorts } from '../support/ports.ts'
import { WAYS, mergeCompose } from './compose.ts'
import type { Service } from './compose.ts'
import { makeImage } from './image.ts'
import { mounted } from './mounted.ts'

// 8000, 8010, 8070 to 8073 and 8090 to 8094, each beyond those of the parts.
const PORTS: Readonly<Record<string, number>> = { 0: 30, 1: 32, 7: 34, 9: 40 }

interface Run { readonly output: () => string, readonly exit: Promise<number | null> }

/** What Compose does, without containers: image files, mounts, commands and environment of the services, on real parts. */
async function containers (t: TestContext): Promise<{ run: (name: string) => Run, healthy: (name: string) => Promise<unknown>, query: string }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-containers-'))
  const ends: (() => Promise<unknown>)[] = []
  // Last started, first stopped: a process whose log is away takes longer to end.
  t.after(async () => {
    for (const end of ends.toReversed()) await end()
    await partsDown({ dir, wipe: true })
    rmSync(dir, { recursive: true, force: true })
  })
  const base = await claimPorts()
  const parts = await partsUp({ dir, portBase: base, brokers: 1 })
  const images = { dealbridge: makeImage(t, 'service'), 'dealbridge-demo': makeImage(t, 'demo') }
  const { services } = mergeCompose(WAYS.demo)
  // Names and ports of containers become those of this machine; everything else is as it stands in the files.
  const here = (text: string): string => text
    .replaceAll('kafka:9092', parts.kafka[0] ?? '').replaceAll('http://registry:8080', parts.registry).replaceAll('redis://redis:6379', parts.redis)
    .replaceAll('postgres:5432', `127.0.0.1:${base + 2}`).replaceAll('http://ingest:', 'http://127.0.0.1:').replaceAll('http://query:', 'http://127.0.0.1:')
    .replace(/\b80([0179]\d)\b/g, (_all, last: string) => String(base + (PORTS[last[0] ?? ''] ?? 0) + Number(last[1])))
  const start = (name: string, service: Service, command: readonly string[]): Run => {
    const root = mounted(t, service)
    for (const file of ['dealbridge.yaml', 'simulator.yaml']) rewrite(path.join(root, 'etc/dealbridge', file), text => here(text).replace('/var/lib/dealbridge', path.join(dir, 'data')))
    const image = images[service.image?.split(':')[0] as keyof typeof images]
    const args = command.map(word => here(word.startsWith('/etc/') ? path.join(root, word) : word))
    // The password of the local parts is another one than that of the demo.
    const child = spawn(process.execPath, args, { cwd: image, env: { ...service.environment, POSTGRES_PASSWORD: 'dealbridge' }, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { text = (text + chunk.toString()).slice(-20_000) })
    const exit = new Promise<number | null>(resolve => child.once('exit', resolve))
    ends.push(async () => { child.kill('SIGTERM'); await exit })
    return { output: () => `${name}: ${text}`, exit }
  }
  const of = (name: string): Service => services[name] ?? assert.fail(name)
  return {
    run: name => start(name, of(name), [...(of(name).entrypoint ?? ['node', 'src/main/cli.ts']).slice(1), ...of(name).command ?? []]),
    healthy: name => eventually(async () => await start(`health of ${name}`, of(name), of(name).healthcheck?.test.slice(2) ?? []).exit === 0, { deadlineMs: 30_000, everyMs: 200 }),
    query: here('http://127.0.0.1:8010')
  }
}

function rewrite (file: string, change: (text: string) => string): void {
  try {
    writeFileSync(file, change(readFileSync(file, 'utf8')))
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
}

test('the commands, configs, health checks and files of the demo\'s containers, run without containers, land deals', async (t) => {
  const { run, healthy, query } = await containers(t)
  const init = run('init')
  assert.equal(await init.exit, 0, init.output())
  const runs = ['simulator', 'projector', 'dispatcher', 'sweep', 'query', 'ingest'].map(run)
  for (const name of ['simulator', 'projector', 'dispatcher', 'sweep', 'query', 'ingest']) {
    await healthy(name).catch((error: unknown) => assert.fail(`${name} is not healthy: ${String(error)}\n${runs.map(each => each.output()).join('\n')}`))
  }
  const people = run('people')
  const landed = await eventually(async () => {
    const response = await fetch(`${query}/v1/deals?state=landed&limit=10`, { headers: { 'x-api-key': 'demo-key-for-the-live-page-00001' } })
    const { items } = await response.json() as { items: { portal: string, target_deal_id: number | null }[] }
    return items.length >= 2 ? items : null
  }, { deadlineMs: 60_000, everyMs: 200 }).catch((error: unknown) => assert.fail(`${String(error)}\n${[...runs, people].map(each => each.output()).join('\n')}`))
  for (const deal of landed) {
    assert.ok(['acme', 'beta'].includes(deal.portal))
    assert.ok(Number(deal.target_deal_id) >= 500000)
  }
  assert.match(people.output(), /The live page: http:\/\/localhost:\d+\/ {3}key: demo-key/)
})
