import { asText } from './text.ts'

/** A nested map as PHP reads it from a query or a form. */
export type PhpMap = { [key: string]: PhpValue }
export type PhpValue = string | PhpMap | PhpValue[]

const decode = (text: string): string => {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  }
}

/** Reads `a[b][]=c` as PHP's `parse_str` does: names and values percent-decoded, `+` is a space, lists become arrays. */
export function parseQuery (query: string): PhpMap {
  const root: PhpMap = {}
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    put(root, path(name), equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return Object.fromEntries(Object.entries(root).map(([key, value]) => [key, asLists(value)]))
}

function path (name: string): string[] {
  const open = name.indexOf('[')
  if (open <= 0) return [name]
  return [name.slice(0, open), ...[...name.slice(open).matchAll(/\[([^\]]*)\]/g)].map(match => match[1] ?? '')]
}

function put (root: PhpMap, keys: string[], value: string): void {
  let node = root
  keys.forEach((key, index) => {
    const name = key === '' && index > 0 ? String(nextIndex(node)) : key
    if (name === '__proto__') return
    if (index === keys.length - 1) {
      node[name] = value
      return
    }
    const child = node[name]
    const below: PhpMap = typeof child === 'object' && !Array.isArray(child) ? child : {}
    node[name] = below
    node = below
  })
}

const nextIndex = (node: PhpMap): number => Object.keys(node).filter(key => /^\d+$/.test(key)).reduce((top, key) => Math.max(top, Number(key) + 1), 0)

function asLists (value: PhpValue): PhpValue {
  if (typeof value === 'string' || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, asLists(inner)] as const)
  const isList = entries.length > 0 && entries.every(([key], index) => key === String(index))
  return isList ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}

/** Writes nested values as PHP's `http_build_query`: brackets percent-encoded, empty maps and nulls vanish. */
export function buildQuery (fields: Record<string, unknown>): string {
  const pairs: string[] = []
  const walk = (name: string, value: unknown): void => {
    if (value === null || value === undefined) return
    if (typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) walk(`${name}[${key}]`, inner)
      return
    }
    pairs.push(`${encode(name)}=${encode(asText(value))}`)
  }
  for (const [name, value] of Object.entries(fields)) walk(name, value)
  return pairs.join('&')
}

const encode = (text: string): string => encodeURIComponent(text)
  .replace(/[!'()*~]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  .replaceAll('%20', '+')

/** A PHP array as `json_encode` writes it: empty and 0..n-1 keyed maps become lists. */
export function phpMap (entries: [string, unknown][]): unknown {
  return entries.every(([key], index) => key === String(index)) ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}
