import type { Config } from '../../platform/config.ts'
import { readConfigAndJson } from '../config-and-json.ts'
import { withDatabase } from '../with-parts.ts'
import { gather } from './gather.ts'
import { jsonOfStatus, linesOfStatus } from './screen.ts'

const HELP = `dealbridge status --config F [--json]: one screen of what arrived, landed, waits and is parked, and each portal's budget

Exit codes: 0 done, also while a part is away, which is then named; 2 used wrongly or bad config.
`

const print = (line: string): void => { process.stdout.write(`${line}\n`) }

/** Runs `status`; gives the exit code. Changes nothing anywhere. */
export async function statusCommand (argv: string[], load: (file: string) => Config): Promise<number> {
  const read = readConfigAndJson(argv)
  if (read.kind === 'help') { print(HELP); return 0 }
  if (read.kind === 'wrong') { process.stderr.write(`status: ${read.mistake}\n\n${HELP}`); return 2 }
  const status = await withDatabase(load(read.config), gather)
  if (read.json) print(JSON.stringify(jsonOfStatus(status)))
  else for (const line of linesOfStatus(status)) print(line)
  return 0
}
