import { parseQuery, phpMap } from './php.ts'
import type { PhpValue } from './php.ts'
import { RestError } from './rest-error.ts'
import type { Page, Params } from './params.ts'
import { asText } from './text.ts'

/** One command: `command` is its key in the batch. */
export interface CommandRun { readonly method: string, readonly params: Params, readonly command: string }
type Ran = { readonly page: Page, readonly time: Record<string, unknown> } | { readonly error: RestError }

const LIMIT = 50

/**
 * Runs a batch: in key order, references to earlier results replaced, five maps that are `[]` when empty.
 * `stop` says before each command whether the batch is cut there.
 */
export async function runBatch (params: Params, run: (command: CommandRun) => Promise<Ran>, stop: (done: number) => boolean): Promise<Record<string, unknown>> {
  const cmd = params['cmd']
  const entries = Object.entries(typeof cmd === 'object' && cmd !== null ? cmd as Record<string, unknown> : {})
  const halt = ['1', 'true'].includes(asText(params['halt']))
  const maps = { result: [] as [string, unknown][], result_error: [] as [string, unknown][], result_total: [] as [string, unknown][], result_next: [] as [string, unknown][], result_time: [] as [string, unknown][] }
  const results: Record<string, unknown> = {}
  for (const [index, [key, text]] of entries.entries()) {
    if (stop(index)) break
    const ran = index >= LIMIT ? { error: new RestError('ERROR_BATCH_LENGTH_EXCEEDED', 'Max batch length exceeded') } : await runOne({ key, text: asText(text) }, results, run)
    if ('error' in ran) {
      maps.result_error.push([key, { error: ran.error.code, error_description: ran.error.message }])
      if (halt) break
      continue
    }
    results[key] = ran.page.result
    maps.result.push([key, ran.page.result])
    maps.result_time.push([key, ran.time])
    if (ran.page.total !== undefined) maps.result_total.push([key, ran.page.total])
    if (ran.page.next !== undefined) maps.result_next.push([key, ran.page.next])
  }
  return Object.fromEntries(Object.entries(maps).map(([name, pairs]) => [name, phpMap(pairs)]))
}

async function runOne ({ key, text }: { key: string, text: string }, results: Record<string, unknown>, run: (command: CommandRun) => Promise<Ran>): Promise<Ran> {
  const { method, params } = readCommand(text)
  if (method.toLowerCase() === 'batch') return { error: new RestError('ERROR_BATCH_METHOD_NOT_ALLOWED', 'Method is not allowed for batch usage') }
  return await run({ command: key, method, params: replaced(params, results) as Params })
}

/** `method?query` as PHP reads it. */
export function readCommand (text: string): { method: string, params: Record<string, PhpValue> } {
  const mark = text.indexOf('?')
  return mark < 0 ? { method: text, params: {} } : { method: text.slice(0, mark), params: parseQuery(text.slice(mark + 1)) }
}

function replaced (value: unknown, results: Record<string, unknown>): unknown {
  if (typeof value === 'string') return value.startsWith('$result[') ? reference(value, results) : value
  if (Array.isArray(value)) return value.map(item => replaced(item, results))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, results)]))
}

/** The referenced value; a reference that cannot be followed gives an empty text. */
function reference (text: string, results: Record<string, unknown>): unknown {
  let at: unknown = results
  for (const [, key] of text.matchAll(/\[([^\]]*)\]/g)) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key ?? ''] : undefined
  return at ?? ''
}
