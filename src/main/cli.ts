#!/usr/bin/env -S node --max-semi-space-size=8
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { init } from '../cli/commands/init.ts'
import { run } from '../cli/commands/run.ts'
import type { Runnable } from '../cli/commands/run.ts'
import { simulate } from '../cli/commands/simulate.ts'
import { partsCommand } from '../cli/parts/command.ts'
import { ConfigError, loadConfig } from '../platform/config.ts'
import type { Config } from '../platform/config.ts'
import { armFailpoints } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import { PROCESSES } from './process.ts'
import type { ProcessName } from './process.ts'

const HELP = `dealbridge: moves deals between Bitrix24 portals

  parts up|down|status    starts and stops Kafka, registry, PostgreSQL, Redis on this machine
  init --config F         makes topics, schemas and tables; safe to repeat
  check --config F        checks the config file and its mappings
  run <all|ingest|sweep|dispatcher|projector|query>… --config F
                          runs these processes until SIGTERM
  sweep run --config F    looks once, now, for changes whose webhook never came
                          (--portal P: in one portal; --full: at all its deals, for
                          deletions too; --yes: however many of them are absent)
  status --config F       one screen: signals, landed, waiting, deferred, parked, unknown, lag, budgets
  parked list|show|release|skip|hold --config F
                          shows deals that wait for a person, and orders another attempt
  duplicates --config F   what stands more than once in a target, and which copy to keep
  simulate --config S     runs simulated portals

  --json                  the result as one JSON object, the last line of standard output
Exit codes: 0 done, 1 failed, 2 used wrongly or bad config, 3 needs --yes.
`
// A process loads its own rooms alone: each one more costs memory for as long as it runs.
const STARTS: Readonly<Record<ProcessName, (config: Config) => Promise<Runnable>>> = {
  projector: async config => await (await import('./projector.ts')).startProjector(config),
  dispatcher: async config => await (await import('./dispatcher.ts')).startDispatcher(config),
  sweep: async config => await (await import('./sweep.ts')).startSweep(config),
  query: async config => await (await import('./query.ts')).startQuery(config),
  ingest: async config => await (await import('./ingest.ts')).startIngest(config)
}
const ORDER = Object.keys(PROCESSES) as ProcessName[]

// Types are taken away once and not at every start: a third of the time to start, and 20 MB. Where it cannot be written, all works without.
enableCompileCache(fileURLToPath(new URL('../../.dealbridge/compile-cache', import.meta.url)))

class UsageError extends Error {}

const print = (line: string): void => { process.stdout.write(`${line}\n`) }
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
const load = (file: string): Config => loadConfig(file, process.env)

async function main (argv: string[]): Promise<number> {
  const [command, ...rest] = argv
  if (command === 'parts') return await partsCommand(rest)
  if (command === 'parked') return await (await import('../cli/parked/command.ts')).parkedCommand(rest, load)
  if (command === 'status') return await (await import('../cli/status/command.ts')).statusCommand(rest, load)
  if (command === 'duplicates') return await (await import('../cli/duplicates/command.ts')).duplicatesCommand(rest, load)
  if (command === undefined || command === '--help' || command === 'help' || rest.includes('--help')) {
    print(HELP)
    return command === undefined ? 2 : 0
  }
  const { values, positionals } = readOptions(rest)
  if (values.config === undefined) throw new UsageError(`${command} needs --config FILE`)
  switch (command) {
    case 'simulate': return await simulate(values.config)
    case 'init': {
      const result = await init(load(values.config))
      say(result.migrations.length === 0 ? 'Everything was there already.' : `Made: ${result.migrations.join(', ')}`)
      if (values.json === true) print(JSON.stringify(result))
      return 0
    }
    case 'check': {
      const config = load(values.config)
      await checkRoutes(config)
      say(`${values.config} is right: ${config.portals.length} portals, ${config.routes.size} routes.`)
      if (values.json === true) print(JSON.stringify({ ok: true, portals: config.portals.length, routes: config.routes.size }))
      return 0
    }
    case 'sweep': return await sweepNow(positionals, load(values.config), values)
    case 'run': return await runProcesses(positionals, load(values.config))
    default: throw new UsageError(`there is no command ${command}`)
  }
}

interface Options { config?: string, json?: boolean, portal?: string, full?: boolean, yes?: boolean }

function readOptions (argv: string[]): { values: Options, positionals: string[] } {
  try {
    return parseArgs({ args: argv, options: { config: { type: 'string' }, json: { type: 'boolean' }, portal: { type: 'string' }, full: { type: 'boolean' }, yes: { type: 'boolean' } }, allowPositionals: true })
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error })
  }
}

async function checkRoutes (config: Config): Promise<void> {
  const { prepareRoutes } = await import('./routes.ts')
  prepareRoutes(config)
}

async function sweepNow (positionals: readonly string[], config: Config, options: Options): Promise<number> {
  if (positionals.join(' ') !== 'run') throw new UsageError('sweep takes run')
  if (options.yes === true && options.full !== true) throw new UsageError('--yes belongs to --full')
  if (options.portal !== undefined && !config.routes.has(options.portal)) throw new UsageError(`there is no source portal with a route named ${options.portal}`)
  const [{ sweepOnce }, { createSweepProgress, visitLine }] = await Promise.all([import('./sweep.ts'), import('../cli/sweep/show.ts')])
  const progress = createSweepProgress(process.stderr)
  const done = await sweepOnce(config, options.portal === undefined ? [...config.routes.keys()] : [options.portal], { full: options.full === true, trusted: options.yes === true, told: progress.told })
  for (const { portal, visited } of done) say(visitLine(portal, visited))
  if (options.json === true) print(JSON.stringify({ portals: done.map(({ portal, visited }) => visited === null ? { portal, result: 'busy', code: null } : { portal, result: visited.result, code: visited.code, ...visited.counts, full: progress.last(portal) }) }))
  if (done.some(({ visited }) => visited?.result === 'failed' || visited?.result === 'lost')) return 1
  return done.some(({ visited }) => (visited?.counts.absent ?? 0) > 0) ? 3 : 0
}

async function runProcesses (names: readonly string[], config: Config): Promise<number> {
  const wanted = names.includes('all') ? ORDER : ORDER.filter(name => names.includes(name))
  const unknown = names.filter(name => name !== 'all' && !ORDER.includes(name as ProcessName))
  if (unknown.length > 0 || wanted.length === 0) throw new UsageError(`run takes all, ${ORDER.join(', ')}${unknown.length > 0 ? `; not ${unknown.join(', ')}` : ''}`)
  await checkRoutes(config)
  return await run(wanted.map(name => () => STARTS[name](config)), { ready: ready => print(JSON.stringify({ ready })), died: say })
}

try {
  armFailpoints(process.env)
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const used = error instanceof UsageError
  say(error instanceof ConfigError ? `The configuration has ${error.mistakes.length} ${error.mistakes.length === 1 ? 'mistake' : 'mistakes'}:\n${error.message}` : used ? `${error.message}\n\n${HELP}` : `Failed: ${messageOf(error)}`)
  process.exitCode = used || error instanceof ConfigError ? 2 : 1
}
// Sockets that linger must not keep a finished command alive.
process.exit()
