import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import type { SimulatorConfig } from './config.ts'
import { startControl } from './control.ts'
import { startSimulator } from './simulator.ts'
import type { Simulator } from './simulator.ts'

const { values } = parseArgs({ options: { config: { type: 'string' } } })
if (values.config === undefined) {
  process.stderr.write('usage: node simulator/main.ts --config FILE\n')
  process.exit(2)
}
const file = path.resolve(values.config)
const config = parse(readFileSync(file, 'utf8')) as SimulatorConfig
const inPlace = (name: string): string => path.resolve(path.dirname(file), name)
const simulator = await startSimulator({ ...config, ...(config.journal === undefined ? {} : { journal: inPlace(config.journal) }) })
const state = config.state_file === undefined ? undefined : inPlace(config.state_file)
if (state !== undefined) load(simulator, state)
const control = config.control_port === undefined ? undefined : await startControl(simulator, config.control_port)
const saving = state === undefined ? undefined : setInterval(() => save(simulator, state), 250)
process.stdout.write(`${JSON.stringify({ ready: simulator.portals().map(p => p.name) })}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { void stop() })

async function stop (): Promise<void> {
  clearInterval(saving)
  if (state !== undefined) save(simulator, state)
  await control?.stop()
  await simulator.stop()
  process.exit(0)
}

function save (from: Simulator, to: string): void {
  // Renamed into place: a kill in the middle leaves the state before.
  writeFileSync(`${to}.new`, JSON.stringify(Object.fromEntries(from.portals().map(p => [p.name, p.store.dump()]))))
  renameSync(`${to}.new`, to)
}

function load (into: Simulator, from: string): void {
  if (!existsSync(from)) return
  const states = JSON.parse(readFileSync(from, 'utf8')) as Record<string, unknown>
  for (const portal of into.portals()) if (states[portal.name] !== undefined) portal.store.load(states[portal.name])
}
