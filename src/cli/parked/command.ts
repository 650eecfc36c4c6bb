import { wordOf } from '../../domain/signal/order.ts'
import type { GivenOrder } from '../../domain/signal/order.ts'
import { DONE } from '../../domain/signal/ordering.ts'
import type { Config } from '../../platform/config.ts'
import { AppError } from '../../platform/errors.ts'
import { createProgress } from '../progress.ts'
import { parseParked } from './arguments.ts'
import type { ParkedCommand } from './arguments.ts'
import { awaitEnds } from './ends.ts'
import type { Chosen } from '../../orders/choose.ts'
import { mistakesFor } from '../../orders/edit.ts'
import { giveOrders } from '../../orders/give.ts'
import { prepare } from '../../orders/prepare.ts'
import { withDatabase, withLog } from '../with-parts.ts'
import type { Parts } from '../with-parts.ts'
import { list, show } from './show.ts'
import { counted } from './words.ts'

const HELP = `dealbridge parked: deals that wait for a person

  parked list [--portal P] [--reason R] --config F   which deals are parked, and why
  parked show <portal>:<id> --config F               one of them, what happened to it and what to do
  parked release (--all [--portal P] | --reason R [--portal P] | <portal>:<id>…) --yes --config F
                                                     one more attempt each, with the deal as it is then
  parked skip <portal>:<id>… --yes --config F        lets them be until their next change
  parked hold <portal>:<id>… --yes --config F        not even their next change is transferred until they are released by name
  parked edit <portal>:<id> --set FIELD=VALUE … --yes --config F
                                                     one more attempt with these values in place of the mapping's, by the
                                                     target's names (STAGE_ID=NEW; nothing after = clears the field), for
                                                     as long as the deal stays as it was when it was parked

  --json                  the result as one JSON object, the last line of standard output
Exit codes: 0 done, 1 failed or a named deal is not parked, 2 used wrongly or bad config, 3 needs --yes.
`

const APPEND_PATIENCE_MS = 30_000
// Longer than the 10 to 20 s for which a budget counts as spent after a dispatcher's start.
const END_PATIENCE_MS = 25_000

const print = (line: string): void => { process.stdout.write(`${line}\n`) }
const say = (line: string): void => { process.stderr.write(`${line}\n`) }

/** Runs `parked list|show|release|skip|hold|edit`: sentences for people, one JSON object as the result; gives the exit code. */
export async function parkedCommand (argv: string[], load: (file: string) => Config): Promise<number> {
  const command = parseParked(argv)
  try {
    switch (command.kind) {
      case 'help': print(HELP); return 0
      case 'wrong': say(`${command.mistakes.map(mistake => `parked: ${mistake}`).join('\n')}\n\n${HELP}`); return 2
      case 'list': return await withDatabase(load(command.config), ({ pool }) => list(pool, command))
      case 'show': return await withDatabase(load(command.config), ({ pool }) => show(pool, command))
      case 'order': return await order(command, load(command.config))
      case 'edit': return await edit(command, load(command.config))
    }
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'config_invalid') throw error
    say(`Failed: ${error.message}.`)
    return 1
  }
}

async function order (command: Extract<ParkedCommand, { kind: 'order' }>, config: Config): Promise<number> {
  return await withDatabase(config, async (parts) => {
    const { order: given, chosen } = await prepare(parts.pool, command)
    if (chosen.held > 0) say(`${counted(chosen.held)} on hold stay: release them by name, or by --reason operator_hold.`)
    return await carryOut(given, chosen, { ...command, parts })
  })
}

async function edit (command: Extract<ParkedCommand, { kind: 'edit' }>, config: Config): Promise<number> {
  const { deal, fields } = command
  const mistakes = mistakesFor(config.routes, deal.portal, fields)
  if (mistakes.length > 0) {
    say(mistakes.map(mistake => `parked edit: ${mistake}`).join('\n'))
    return 2
  }
  return await withDatabase(config, async (parts) => {
    const { order: given, chosen } = await prepare(parts.pool, { order: 'edit', deal, fields })
    return await carryOut(given, chosen, { ...command, parts })
  })
}

async function carryOut (order: GivenOrder, chosen: Chosen, how: { readonly confirmed: boolean, readonly json: boolean, readonly parts: Parts }): Promise<number> {
  const { deals, left } = chosen
  const done = DONE[wordOf(order)]
  for (const { deal, why } of left) say(`${deal} is not parked: ${why}.`)
  if (!how.confirmed) return refuse(done, chosen, how.json)
  if (deals.length === 0) say('No deal was ordered anything.')
  const result = deals.length === 0 ? {} : await give(order, chosen, how.parts)
  if (how.json) print(JSON.stringify({ [done]: deals.length, ...result, left }))
  return left.length > 0 ? 1 : 0
}

function refuse (done: string, { deals, left }: Chosen, json: boolean): number {
  const named = deals.slice(0, 20).map(deal => `${deal.portal}:${deal.deal_id}`).join(' ')
  say(`${counted(deals.length)} would be ${done}${deals.length === 0 ? '' : `: ${named}${deals.length > 20 ? ' …' : ''}`}. Nothing was changed; say --yes to do it.`)
  if (json) print(JSON.stringify({ [done]: 0, would: deals.length, left }))
  return 3
}

/** Orders and waits; `ended` of them have their end, in these states, and the rest is in the log and follows. */
async function give (order: GivenOrder, { deals }: Chosen, parts: Parts): Promise<object> {
  const names = deals.map(deal => ({ portal: deal.portal, dealId: deal.deal_id }))
  const ordering = createProgress('ordered', names.length)
  const given = await withLog(parts, log => giveOrders(log, { order, deals: names }, { patienceMs: APPEND_PATIENCE_MS, told: done => ordering.at(done) })).finally(() => ordering.end())
  const ending = createProgress('done', given.length)
  const { ended, states } = await awaitEnds(parts.pool, given, { patienceMs: END_PATIENCE_MS, progress: ending }).finally(() => ending.end())
  const now = [...states].map(([state, count]) => `${count} ${state}`).join(', ')
  say(`${counted(given.length)} ${DONE[wordOf(order)]}${now === '' ? '' : `; now ${now}`}.`)
  if (ended < given.length) say(`${counted(given.length - ended, 'order')} had no end yet: in the log for good, and done as soon as a dispatcher and the portals are there.`)
  return { ended, states: Object.fromEntries(states) }
}
