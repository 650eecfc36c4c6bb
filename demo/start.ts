// `npm start`: real parts, three simulated portals, every process of dealbridge, and people who work on deals.
import { mkdirSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { createPeople } from './people.ts'
import { command, start } from './programs.ts'
import type { Program } from './programs.ts'
import { countLanded, readSummary } from './view.ts'
import { pause, workForEver } from './work.ts'
import { makeWorld } from './world.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const LAND_MS = 120_000
// A tenth of the writes a second that the portal's own limit allows.
const MS_PER_DEAL = 100
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

const { values } = parseArgs({ options: { deals: { type: 'string' }, exit: { type: 'boolean' }, 'port-base': { type: 'string' } } })
const started = performance.now()
const seconds = (): number => Math.round((performance.now() - started) / 100) / 10
const dir = path.join(ROOT, '.dealbridge', 'demo')
const logs = path.join(dir, 'logs')
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

const world = makeWorld(dir, Number(values['port-base'] ?? await freeBase()), path.join(ROOT, 'mapping', 'partner.yaml'))
mkdirSync(logs, { recursive: true })
const programs: Program[] = []
let code = 0
try {
  await bringUp()
  code = values.exit === true ? await workThenExit(Number(values.deals ?? '50')) : await workForEver(world, { page: world.query, signal: stopping.signal })
} catch (error) {
  if (!stopping.signal.aborted) {
    say(error instanceof Error ? error.message : String(error))
    code = 1
  }
} finally {
  say('Stopping …')
  for (const program of programs.toReversed()) await program.stop()
  await command(['parts', 'down', '--dir', path.join(dir, 'parts'), '--wipe'], logs).catch((error: unknown) => say(String(error)))
}
process.exit(code)

async function bringUp (): Promise<void> {
  say('Starting Kafka, registry, PostgreSQL and Redis …')
  // What a killed demo left behind has other ports and other deals.
  await command(['parts', 'down', '--dir', path.join(dir, 'parts'), '--wipe'], logs)
  await command(['parts', 'up', '--dir', path.join(dir, 'parts'), '--port-base', String(world.partsBase)], logs)
  await command(['init', '--config', world.configFile], logs)
  stopping.signal.throwIfAborted()
  const simulator = start(['simulate', '--config', world.simulatorFile], path.join(logs, 'simulator.log'))
  const service = start(['run', 'all', '--config', world.configFile], path.join(logs, 'dealbridge.log'))
  programs.push(simulator, service)
  await Promise.all([simulator.ready, service.ready])
  say(`Everything runs after ${seconds()} s.`)
  say(`The live page: ${world.query}/   key: ${world.key}`)
}

async function workThenExit (deals: number): Promise<number> {
  const people = createPeople(world, Math.random)
  for (let i = 0; i < deals; i += 1) await people.create()
  const end = performance.now() + LAND_MS + deals * MS_PER_DEAL
  let landed = 0
  while (performance.now() < end && !stopping.signal.aborted) {
    const summary = await readSummary(world)
    landed = summary.signals >= deals && summary.open === 0 ? await countLanded(world) : 0
    if (landed >= deals) break
    await pause(100, stopping.signal)
  }
  process.stdout.write(`${JSON.stringify({ deals, landed, seconds: seconds() })}\n`)
  return landed >= deals ? 0 : 1
}

/** The first of 100 ports, of which those that the demo uses are free. */
async function freeBase (): Promise<number> {
  const used = [0, 1, 2, 3, 4, 5, 60, 61, 62, 64, 65, 66, 70, 71, 72, 73]
  for (let base = 19000; base < 31000; base += 100) {
    const free = await Promise.all(used.map(offset => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
  throw new Error('no free ports were found between 19000 and 31000; stop something, or give --port-base')
}

function isFree (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
