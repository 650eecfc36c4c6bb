import type { IncomingMessage } from 'node:http'
import type { Occasion } from './faults.ts'
import type { Params } from './params.ts'
import { parseQuery } from './php.ts'
import { commandTexts } from './targets.ts'

const MAX_BODY = 10 * 1024 * 1024

/** A request as the portal reads it: query and body merged, the body wins. */
export async function readRequest (request: IncomingMessage): Promise<{ path: string, search: string, params: Params }> {
  const url = new URL(request.url ?? '/', 'http://portal')
  const body = await readBody(request)
  return { path: url.pathname, search: url.search, params: { ...parseQuery(url.search.slice(1)), ...readParams(body, request.headers['content-type'] ?? '') } }
}

async function readBody (request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= MAX_BODY) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Malformed JSON is silently "no parameters". */
function readParams (body: string, type: string): Params {
  if (!type.includes('json')) return parseQuery(body)
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value as Params : {}
  } catch {
    return {}
  }
}

/** What a fault can aim at: the method, the methods of a batch's commands, and their texts as a person reads them. */
export function occasionOf (method: string, params: Params): Occasion {
  const texts = method === 'batch' ? commandTexts(params).map(([, text]) => text) : []
  return { methods: [method, ...texts.map(text => text.split('?')[0] ?? '')], text: [JSON.stringify(params), ...texts.map(decoded)].join(' ') }
}

/** Percent-decoded where it can be: a stray percent sign is a text like any other. */
function decoded (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
