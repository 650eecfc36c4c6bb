import type { Json } from '../domain/mapping/mapping.ts'

/** One command of a batch: the method and its parameters as nested values. */
export interface Command { readonly method: string, readonly params: Readonly<Record<string, Json>> }

/** A batch takes 50 commands and counts as one request (vendor page: batch). */
export const BATCH_SIZE = 50

/** Writes `method?query`: names as they are, values percent-encoded, nested as PHP reads them. */
export function commandText ({ method, params }: Command): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(params)) write(encodeName(name), value, parts)
  return parts.length === 0 ? method : `${method}?${parts.join('&')}`
}

function write (name: string, value: Json, parts: string[]): void {
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) {
    parts.push(`${name}=`)
    return
  }
  if (Array.isArray(value)) {
    value.forEach((item: Json, index) => write(`${name}[${index}]`, item, parts))
    return
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) write(`${name}[${encodeName(key)}]`, item, parts)
    return
  }
  parts.push(`${name}=${encode(scalar(value))}`)
}

const encodeName = (name: string): string => encode(name)

// Half an emoji, as a cut text ends with, is not well-formed: encoding it would throw, after the intent was committed.
function encode (text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** The parameters of a single call as JSON. What is not well-formed is replaced: a portal reads broken JSON as no parameters at all. */
export function jsonText (params: Command['params']): string {
  return JSON.stringify(params, (_name, value: unknown) => typeof value === 'string' ? value.toWellFormed() : value)
}

function scalar (value: string | number | boolean | null): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? 'Y' : 'N'
  return String(value)
}

/** True when a value looks like a batch reference: the portal would put another command's result in its place. */
export function looksLikeReference (value: Json): boolean {
  if (typeof value === 'string') return value.includes('$result[')
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(item => looksLikeReference(item))
}
