// `npm start`: real parts, three simulated portals, every process of dealbridge, and people who work on deals.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pidFileOf, stopLeftovers, takeFolder } from './only-one.ts'
import { HELP, readDemoOptions } from './options.ts'
import type { DemoOptions } from './options.ts'
import { createPeople } from './people.ts'
import { freeBase } from './ports.ts'
import { command, start } from './programs.ts'
import type { Program } from './programs.ts'
import { countLanded, readSummary } from './view.ts'
import { pause, workForEver } from './work.ts'
import { makeWorld } from './world.ts'
import type { World } from './world.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const LAND_MS = 120_000
// A tenth of the writes a second that the portal's own limit allows.
const MS_PER_DEAL = 100
const dir = path.join(ROOT, '.dealbridge', 'demo')
const parts = path.join(dir, 'parts')
const started = performance.now()
const seconds = (): number => Math.round((performance.now() - started) / 100) / 10
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

const asked = readDemoOptions(process.argv.slice(2))
switch (asked.kind) {
  case 'help':
    process.stdout.write(HELP)
    break
  case 'wrong':
    say(`${asked.mistakes.join('\n')}\n\n${HELP}`)
    process.exitCode = 2
    break
  case 'run':
    process.exit(await run(asked.options))
}

async function run (options: DemoOptions): Promise<number> {
  const signal = whenToStop()
  const programs: Program[] = []
  let letGo: (() => void) | undefined
  let [code, result] = [0, '']
  try {
    letGo = takeFolder(dir)
    const world = makeWorld(dir, options.portBase ?? await freeBase(dir), path.join(ROOT, 'mapping', 'partner.yaml'))
    await bringUp(world, programs, signal)
    const people = createPeople(world, Math.random)
    for (let i = 0; i < options.deals && !signal.aborted; i += 1) await people.create()
    if (options.exit) {
      const landed = await waitLanded(world, options.deals, signal)
      result = `${JSON.stringify({ deals: options.deals, landed, seconds: seconds() })}\n`
      code = landed >= options.deals ? 0 : 1
    } else {
      code = await workForEver(world, { page: world.query, signal })
    }
  } catch (error) {
    if (!signal.aborted) {
      say(error instanceof Error ? error.message : String(error))
      code = 1
    }
  }
  if (letGo !== undefined) {
    if (!signal.aborted) say('Stopping …')
    for (const program of programs.toReversed()) await program.stop()
    await command(['parts', 'down', '--dir', parts, '--wipe']).catch((error: unknown) => { say(String(error)) })
    letGo()
  }
  // The last line, also where both outputs go to one file.
  process.stdout.write(result)
  return code
}

async function bringUp (world: World, programs: Program[], signal: AbortSignal): Promise<void> {
  const logs = path.join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  say('Starting Kafka, registry, PostgreSQL and Redis …')
  // What a killed demo left behind has other ports and other deals.
  const left = await stopLeftovers(world)
  if (left.length > 0) say(`Stopped what a killed start had left running: pid ${left.join(', ')}`)
  await command(['parts', 'down', '--dir', parts, '--wipe'])
  signal.throwIfAborted()
  await command(['parts', 'up', '--dir', parts, '--port-base', String(world.partsBase)])
  signal.throwIfAborted()
  await command(['init', '--config', world.configFile])
  signal.throwIfAborted()
  const simulator = start(['simulate', '--config', world.simulatorFile], { logFile: path.join(logs, 'simulator.log'), pidFile: pidFileOf(world.simulatorFile) })
  const service = start(['run', 'all', '--config', world.configFile], { logFile: path.join(logs, 'dealbridge.log'), pidFile: pidFileOf(world.configFile) })
  programs.push(simulator, service)
  const stopped = new Promise<never>((_resolve, reject) => { signal.addEventListener('abort', () => { reject(new Error('stopped')) }) })
  await Promise.race([Promise.all([simulator.ready, service.ready]), stopped])
  say(`Everything runs after ${seconds()} s.`)
  say(`The live page: ${world.query}/   key: ${world.key}`)
}

async function waitLanded (world: World, deals: number, signal: AbortSignal): Promise<number> {
  const end = performance.now() + LAND_MS + deals * MS_PER_DEAL
  let landed = 0
  while (performance.now() < end && !signal.aborted) {
    const summary = await readSummary(world)
    landed = summary.signals >= deals && summary.open === 0 ? await countLanded(world) : 0
    if (landed >= deals) break
    await pause(100, signal)
  }
  return landed
}

/** Ctrl-C, a kill, a closed terminal, and a reader of our output that went away: all of it is stopped, nothing stays behind. */
function whenToStop (): AbortSignal {
  const stopping = new AbortController()
  const stop = (): void => {
    if (stopping.signal.aborted) return
    stopping.abort()
    say('Stopping …')
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { stopping.abort() })
  return stopping.signal
}
