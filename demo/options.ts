import { parseArgs } from 'node:util'

export const HELP = `npm start: dealbridge with three simulated portals in which people work on deals

  npm start                              until Ctrl-C, with a live page
  npm start -- --deals 200 --exit        works on 200 deals, waits until each has landed, prints one line of JSON and ends

  --deals N        how many deals are made at the start, 1 to 100000 (with --exit 50, else none)
  --exit           ends when they have landed: 0, or 1 if one did not
  --port-base P    the first of 100 ports, 1024 to 65436 (else free ones from 19000 to 31000)
`

export interface DemoOptions {
  readonly deals: number
  readonly exit: boolean
  /** Null: the first free ports are looked for. */
  readonly portBase: number | null
}

export type Asked =
  | { readonly kind: 'run', readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong', readonly mistakes: readonly string[] }

/** Reads what follows `npm start --`; every mistake is listed at once, in words for a person. */
export function readDemoOptions (args: readonly string[]): Asked {
  const { values, mistakes } = parse(args)
  if (values['help'] === true) return { kind: 'help' }
  const exit = values['exit'] === true
  const deals = numberOf('deals', { least: 1, most: 100_000 })
  const portBase = numberOf('port-base', { least: 1024, most: 65_436 })
  if (mistakes.length > 0) return { kind: 'wrong', mistakes }
  return { kind: 'run', options: { exit, deals: deals ?? (exit ? 50 : 0), portBase } }

  function numberOf (name: string, { least, most }: { least: number, most: number }): number | null {
    const text = values[name]
    if (text === undefined) return null
    const number = Number(text)
    if (typeof text === 'string' && /^\d+$/.test(text) && number >= least && number <= most) return number
    mistakes.push(`--${name} is a whole number from ${least} to ${most}${typeof text === 'string' ? `, not ${JSON.stringify(text)}` : ''}`)
    return null
  }
}

function parse (args: readonly string[]): { values: Readonly<Record<string, string | boolean | undefined>>, mistakes: string[] } {
  // Not strict: the parser would stop at the first mistake.
  const options = { deals: { type: 'string' }, exit: { type: 'boolean' }, 'port-base': { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
  const { values, positionals } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true })
  const unknown = [...Object.keys(values).filter(name => !Object.hasOwn(options, name)).map(name => name.length === 1 ? `-${name}` : `--${name}`), ...positionals]
  return { values, mistakes: unknown.map(word => `there is no option ${word}`) }
}
