import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import type { SimulatorConfig } from './config.ts'
import { startControl } from './control.ts'
import { startSimulator } from './simulator.ts'
import { createStateFile } from './state-file.ts'

const { values } = parseArgs({ options: { config: { type: 'string' } } })
if (values.config === undefined) {
  process.stderr.write('usage: node simulator/main.ts --config FILE\n')
  process.exit(2)
}
const file = path.resolve(values.config)
const config = parse(readFileSync(file, 'utf8')) as SimulatorConfig
const inPlace = (name: string): string => path.resolve(path.dirname(file), name)
const state = config.state_file === undefined ? undefined : createStateFile(inPlace(config.state_file))
const simulator = await startSimulator({ ...config, ...(config.journal === undefined ? {} : { journal: inPlace(config.journal) }) }, { onSave: (portal, saved) => state?.note(portal, saved) })
state?.load(simulator)
const control = config.control_port === undefined ? undefined : await startControl(simulator, config.control_port)
const saving = state === undefined ? undefined : setInterval(() => state.save(simulator), 250)
process.stdout.write(`${JSON.stringify({ ready: simulator.portals().map(p => p.name) })}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { void stop() })

async function stop (): Promise<void> {
  clearInterval(saving)
  state?.save(simulator)
  await control?.stop()
  await simulator.stop()
  process.exit(0)
}
