import type { Config } from '../../platform/config.ts'
import { readConfigAndJson } from '../config-and-json.ts'
import { withDatabase } from '../with-parts.ts'
import { propose } from './propose.ts'
import { readDuplicates, readScans } from './read.ts'
import type { Duplicate } from './read.ts'

const HELP = `dealbridge duplicates --config F [--json]: what stands more than once in a target portal, and which copy to keep

The dispatcher looks once a day. Nothing is ever deleted by dealbridge: merge or delete the others in the target by hand; the
next look forgets what is in order again.
Exit codes: 0 none, 1 there are some, 2 used wrongly or bad config.
`

const print = (line: string): void => { process.stdout.write(`${line}\n`) }
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

/** Runs `duplicates`; gives the exit code. Changes nothing anywhere. */
export async function duplicatesCommand (argv: string[], load: (file: string) => Config): Promise<number> {
  const read = readConfigAndJson(argv)
  if (read.kind === 'help') { print(HELP); return 0 }
  if (read.kind === 'wrong') { say(`duplicates: ${read.mistake}\n\n${HELP}`); return 2 }
  const config = load(read.config)
  const { found, scans } = await withDatabase(config, async ({ pool }) => ({ found: await readDuplicates(pool), scans: await readScans(pool) }))
  if (read.json) print(JSON.stringify({ duplicates: found.map(asJson), scans: scans.map(scan => ({ target: scan.target, finished_at: scan.finishedAt?.toISOString() ?? null })) }))
  else tell(found, config)
  for (const { target, finishedAt } of scans) if (finishedAt === null) say(`${target} was not yet looked through to its end.`)
  return found.length === 0 ? 0 : 1
}

function tell (found: readonly Duplicate[], config: Config): void {
  if (found.length === 0) print('Nothing stands twice.')
  for (const each of found) {
    const domain = config.portals.find(portal => portal.name === each.target)?.domain ?? each.target
    const { keep, others, why } = propose(each)
    const at = (id: string): string => `https://${domain}/crm/${each.kind}/details/${id}/`
    print(`${each.origin} (${each.kind}) stands ${each.ids.length} times in ${each.target}.`)
    print(`  keep   ${at(keep)}  ${why === 'linked' ? '(dealbridge keeps this one in step)' : '(the oldest)'}`)
    for (const id of others) print(`  merge  ${at(id)}`)
  }
}

function asJson (each: Duplicate): object {
  const { keep, others } = propose(each)
  return { target: each.target, kind: each.kind, origin: each.origin, keep, others, seen_at: each.seenAt.toISOString() }
}
