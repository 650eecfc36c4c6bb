import { badRequest } from './problem.ts'

/** Reads one query parameter, or throws 400 with a sentence that says what would be right. */
export type Reader<T> = (text: string, name: string) => T

type Values<S extends Record<string, Reader<unknown>>> = { readonly [K in keyof S]?: ReturnType<S[K]> }

/** Reads the query string by a table of parameters. A parameter that the table lacks, or one given twice, is a 400. */
export function readFilters<S extends Record<string, Reader<unknown>>> (readers: S, query: unknown): Values<S> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) {
      const names = Object.keys(readers)
      throw badRequest(names.length === 0 ? `There is no parameter ${name} here; this address takes none.` : `There is no parameter ${name} here; possible are ${names.join(', ')}.`)
    }
    if (typeof value !== 'string') throw badRequest(`The parameter ${name} was given more than once; give it once.`)
    out[name] = reader(value, name)
  }
  return out as Values<S>
}

export const portalName: Reader<string> = (text, name) => {
  if (!/^[a-z0-9][a-z0-9_-]{0,40}$/.test(text)) throw badRequest(`The parameter ${name} must be the name of a portal: lower-case letters, digits, - and _.`)
  return text
}

export const dealId: Reader<string> = (text, name) => {
  if (!/^[1-9][0-9]{0,17}$/.test(text)) throw badRequest(`${name} must be the id of a deal: a positive whole number.`)
  return text
}

export const instant: Reader<Date> = (text, name) => {
  const match = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i.exec(text)
  const date = new Date(match === null ? Number.NaN : text)
  if (Number.isNaN(date.getTime())) throw badRequest(`The parameter ${name} must be an instant with its zone (RFC 3339), such as 2026-01-31T09:30:00Z; write the + of a zone as %2B.`)
  return date
}

export const limit: Reader<number> = (text, name) => {
  const value = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (value < 1 || value > 500) throw badRequest(`The parameter ${name} must be a whole number from 1 to 500.`)
  return value
}

/** One of a closed list of words. */
export function oneOf<T extends string> (words: readonly T[]): Reader<T> {
  return (text, name) => {
    const found = words.find(word => word === text)
    if (found === undefined) throw badRequest(`The parameter ${name} must be one of ${words.join(', ')}.`)
    return found
  }
}

export type Mark = readonly string[]

/** The opaque mark of a page's last row. `kinds` says what each part must be, so that a forged one cannot reach SQL. */
export function cursor (...kinds: readonly ('text' | 'number' | 'instant')[]): Reader<Mark> {
  const right: Record<typeof kinds[number], (part: string) => boolean> = {
    text: part => part.length <= 300 && !part.includes('\0'),
    number: part => /^-?[0-9]{1,18}$/.test(part),
    instant: part => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(part) && !Number.isNaN(Date.parse(part))
  }
  return (text, name) => {
    const parts = decode(text)
    const isRight = parts?.length === kinds.length && kinds.every((kind, i) => right[kind](parts[i] ?? '\0'))
    if (parts === undefined || !isRight) throw badRequest(`The parameter ${name} must be the cursor of an earlier answer of this address, unchanged.`)
    return parts
  }
}

export function encodeCursor (mark: Mark): string {
  return Buffer.from(JSON.stringify(mark)).toString('base64url')
}

function decode (text: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(value) && value.every(part => typeof part === 'string') ? value : undefined
  } catch { return undefined }
}
