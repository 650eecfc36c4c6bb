import { parseArgs } from 'node:util'
import { AppError } from '../../platform/errors.ts'
import { partsDown, partsStatus, partsUp } from './parts.ts'
import type { Say } from './parts.ts'

const HELP = `dealbridge parts: real Kafka, schema registry, PostgreSQL and Redis on this machine, for work and tests

  parts up --dir D --port-base P [--brokers 1|3]   start what does not run, with its data under D; all ports lie in P to P+59
  parts down --dir D [--wipe]                      stop all of it; --wipe removes its files too
  parts status --dir D                             what runs, with addresses and pids

The last line of standard output is one JSON object. Exit codes: 0 done, 1 failed, 2 used wrongly.
`

type Command =
  | { readonly kind: 'up', readonly dir: string, readonly portBase: number, readonly brokers: 1 | 3 }
  | { readonly kind: 'down', readonly dir: string, readonly wipe: boolean }
  | { readonly kind: 'status', readonly dir: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong', readonly mistakes: readonly string[] }

/** Runs `parts up|down|status`: lines for people on standard error, one JSON object on standard output; gives the exit code. */
export async function partsCommand (argv: string[]): Promise<number> {
  const command = parse(argv)
  const say: Say = line => process.stderr.write(`parts: ${line}\n`)
  try {
    switch (command.kind) {
      case 'help':
        process.stdout.write(HELP)
        return 0
      case 'wrong':
        process.stderr.write(command.mistakes.map(mistake => `parts: ${mistake}\n`).join('') + '\n' + HELP)
        return 2
      case 'up':
        print(await partsUp({ ...command, say }))
        return 0
      case 'down':
        await partsDown({ ...command, say })
        print({ stopped: true, wiped: command.wipe })
        return 0
      case 'status': {
        const report = await partsStatus(command)
        for (const [name, pid] of Object.entries(report.pids)) say(`${name} runs (pid ${pid})`)
        if (Object.keys(report.pids).length === 0) say('nothing runs')
        print(report)
        return 0
      }
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    say(error.message)
    return 1
  }
}

function parse (argv: string[]): Command {
  const read = readOptions(argv)
  if (typeof read === 'string') return { kind: 'wrong', mistakes: [read] }
  const { values, positionals: [verb, ...rest] } = read
  if (values.help === true) return { kind: 'help' }
  const mistakes: string[] = []
  if (verb !== 'up' && verb !== 'down' && verb !== 'status') mistakes.push(verb === undefined ? 'say up, down or status' : `there is no parts ${verb}; say up, down or status`)
  if (rest.length > 0) mistakes.push(`not understood: ${rest.join(' ')}`)
  const dir = values.dir ?? ''
  if (dir === '') mistakes.push('--dir is missing: the folder for the data')
  const portBase = Number(values['port-base'])
  const brokers = Number(values.brokers ?? '1')
  if (verb === 'up') {
    if (values['port-base'] === undefined) mistakes.push('--port-base is missing: the first of 60 ports')
    else if (!Number.isInteger(portBase) || portBase < 1024 || portBase > 65535 - 59) mistakes.push('--port-base is a number from 1024 to 65476')
    if (brokers !== 1 && brokers !== 3) mistakes.push('--brokers is 1 or 3')
  }
  if (values.wipe === true && verb !== 'down') mistakes.push('--wipe goes with down only')
  if (mistakes.length > 0) return { kind: 'wrong', mistakes }
  if (verb === 'up') return { kind: 'up', dir, portBase, brokers: brokers === 3 ? 3 : 1 }
  return verb === 'down' ? { kind: 'down', dir, wipe: values.wipe === true } : { kind: 'status', dir }
}

interface Options {
  readonly values: { readonly dir?: string, readonly 'port-base'?: string, readonly brokers?: string, readonly wipe?: boolean, readonly json?: boolean, readonly help?: boolean }
  readonly positionals: readonly string[]
}

function readOptions (args: string[]): Options | string {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        dir: { type: 'string' }, 'port-base': { type: 'string' }, brokers: { type: 'string' },
        wipe: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }
      }
    })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function print (result: object): void {
  process.stdout.write(JSON.stringify(result) + '\n')
}
