import { parseArgs } from 'node:util'
import type { EditedFields } from '../../domain/signal/edit.ts'
import { isDealId } from '../../domain/shared/ids.ts'
import type { Order } from '../../domain/signal/order.ts'
import { distinct } from '../../domain/signal/ordering.ts'
import type { Choice, DealName } from '../../domain/signal/ordering.ts'
import { messageOf } from '../../platform/logger.ts'

export type ParkedCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong', readonly mistakes: readonly string[] }
  | { readonly kind: 'list', readonly config: string, readonly json: boolean, readonly portal: string | undefined, readonly reason: string | undefined }
  | { readonly kind: 'show', readonly config: string, readonly json: boolean, readonly deal: DealName }
  | { readonly kind: 'order', readonly config: string, readonly json: boolean, readonly order: Exclude<Order, 'edit'>, readonly choice: Choice, readonly confirmed: boolean }
  | { readonly kind: 'edit', readonly config: string, readonly json: boolean, readonly deal: DealName, readonly fields: EditedFields, readonly confirmed: boolean }

interface Options {
  readonly values: { readonly config?: string, readonly json?: boolean, readonly yes?: boolean, readonly all?: boolean, readonly portal?: string, readonly reason?: string, readonly set?: string[], readonly help?: boolean }
  readonly positionals: readonly string[]
}

const VERBS = ['list', 'show', 'release', 'skip', 'hold', 'edit'] as const
type Verb = typeof VERBS[number]

/** Understands the words behind `parked`, or names every mistake in them. */
export function parseParked (argv: string[]): ParkedCommand {
  const read = readOptions(argv)
  if (typeof read === 'string') return { kind: 'wrong', mistakes: [read] }
  const { values, positionals: [first, ...names] } = read
  if (values.help === true) return { kind: 'help' }
  const verb = VERBS.find(one => one === first)
  if (verb === undefined) return { kind: 'wrong', mistakes: [`say ${VERBS.join(', ')}${first === undefined ? '' : `; there is no parked ${first}`}`] }
  const deals = names.map(dealNamed)
  const mistakes = [
    ...names.filter((_, i) => deals[i] === undefined).map(name => `${messageOf(name)} names no deal; write <portal>:<id>, such as acme:1007`),
    ...mistakesOf(verb, read),
    ...mistakesOfSet(verb, values.set ?? []),
    ...values.config === undefined ? ['--config FILE is missing'] : []
  ]
  if (mistakes.length > 0) return { kind: 'wrong', mistakes }
  const { config = '', json = false, portal, reason } = values
  const named = deals.filter(deal => deal !== undefined)
  if (verb === 'list') return { kind: 'list', config, json, portal, reason }
  const [deal = { portal: '', dealId: '' }] = named
  if (verb === 'show') return { kind: 'show', config, json, deal }
  if (verb === 'edit') return { kind: 'edit', config, json, deal, fields: Object.fromEntries((values.set ?? []).map(assignment)), confirmed: values.yes === true }
  const choice: Choice = named.length > 0 ? { by: 'name', deals: distinct(named) } : { by: 'filter', portal, reason }
  return { kind: 'order', config, json, order: verb, choice, confirmed: values.yes === true }
}

function mistakesOf (verb: Verb, { values, positionals }: Options): string[] {
  const names = positionals.length - 1
  const wide = values.all === true || values.reason !== undefined
  if (verb === 'list') return names > 0 ? ['list takes --portal and --reason; parked show tells of one deal'] : values.all === true ? ['list shows all of them without --all'] : []
  if (verb === 'show') return names === 1 && !wide && values.portal === undefined ? [] : ['show takes exactly one deal, <portal>:<id>']
  if (verb === 'edit') return names === 1 && !wide && values.portal === undefined ? [] : ['edit takes exactly one deal, <portal>:<id>']
  if (verb !== 'release') return names > 0 && !wide && values.portal === undefined ? [] : [`${verb} takes the deals by name, <portal>:<id>…`]
  if (names > 0) return wide || values.portal !== undefined ? ['name deals, or choose them by --all or --reason; not both'] : []
  if (values.all === true && values.reason !== undefined) return ['--all and --reason exclude each other']
  return wide ? [] : ['say which deals: --all, --reason R, or <portal>:<id>…']
}

function mistakesOfSet (verb: Verb, set: readonly string[]): string[] {
  if (verb !== 'edit') return set.length > 0 ? [`${verb} takes no --set; parked edit does`] : []
  const names = set.map(text => assignment(text)[0])
  return [
    ...set.length === 0 ? ['say what is given: --set FIELD=VALUE, once per field'] : [],
    ...set.filter(text => !/^[A-Z][A-Z0-9_]{0,99}=/.test(text)).map(text => `--set ${messageOf(text)} is not FIELD=VALUE with a field's name in capitals, such as STAGE_ID=NEW`),
    ...[...new Set(names.filter((name, i) => names.indexOf(name) !== i))].map(name => `--set ${messageOf(name)} is given more than once`)
  ]
}

/** A value may hold further equals signs. */
function assignment (text: string): [name: string, value: string] {
  const [name = '', ...rest] = text.split('=')
  return [name, rest.join('=')]
}

function dealNamed (text: string): DealName | undefined {
  const at = text.indexOf(':')
  const [portal, dealId] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)]
  return /^[a-z0-9][a-z0-9_-]{0,40}$/.test(portal) && isDealId(dealId) ? { portal, dealId } : undefined
}

function readOptions (args: string[]): Options | string {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        config: { type: 'string' }, json: { type: 'boolean' }, yes: { type: 'boolean' }, all: { type: 'boolean' },
        portal: { type: 'string' }, reason: { type: 'string' }, set: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' }
      }
    })
  } catch (error) {
    return messageOf(error)
  }
}
