import type { IncomingMessage, ServerResponse } from 'node:http'
import { readCommand, runBatch } from './batch.ts'
import type { PortalSettings } from './config.ts'
import { familyMethods } from './families.ts'
import type { FaultSpec, Faults, Occasion } from './faults.ts'
import type { Page, Params } from './params.ts'
import type { Journal, JournalTarget } from './journal.ts'
import type { Buckets, Operating } from './limits.ts'
import { parseQuery } from './php.ts'
import { RestError, methodBlocked } from './rest-error.ts'
import type { Store } from './store.ts'
import { isoInZone } from './zone.ts'
import { asText } from './text.ts'

export interface RestDeps { settings: PortalSettings, store: Store, faults: Faults, journal: Journal, buckets: Buckets, operating: Operating, now: () => number, count: (what: 'requests' | 'refused' | 'throttled' | 'commands' | 'batches') => void, pause: (ms: number) => Promise<void> }

const WRITES = /\.(add|update|delete|set|import|mergebatch)$/
const MAX_BODY = 10 * 1024 * 1024

/** Answers `/rest/{user}/{secret}/{method}`. */
export function createRest (deps: RestDeps): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { settings, store, faults, journal, buckets, operating, now } = deps
  const methods = familyMethods(settings, store)
  let requests = 0

  async function run ({ method, params }: { method: string, params: Params }): Promise<{ page: Page, time: Record<string, unknown> } | { error: RestError }> {
    deps.count('commands')
    const name = method.toLowerCase()
    const handler = methods[name]
    const start = now()
    try {
      if (handler === undefined) throw new RestError('ERROR_METHOD_NOT_FOUND', 'Method not found!', 404)
      if (operating.blocked('webhook', name, settings.limits.operating_seconds)) { deps.count('throttled'); throw methodBlocked() }
      if (settings.command_ms > 0) await deps.pause(settings.command_ms)
      const occasion = { methods: [name], text: JSON.stringify(params) }
      const failing = faults.strike('write', occasion, ['command_fails'])
      if (failing !== undefined) throw new RestError(failing.code ?? 'ERROR_CORE', 'The command failed')
      if (faults.strike('limit', occasion, ['operating']) !== undefined) { deps.count('throttled'); throw methodBlocked() }
      const page = handler(params)
      if (WRITES.test(name)) journal.write(settings.name, { kind: 'applied', ...targetOf(name, params, page) })
      operating.charge('webhook', name, Math.max(settings.command_ms, settings.switches.operating_floor_ms) / 1000)
      return { page, time: timeOf(start, name) }
    } catch (error) {
      return { error: error instanceof RestError ? error : new RestError('INTERNAL_SERVER_ERROR', 'Internal server error', 500) }
    }
  }

  function timeOf (start: number, method: string): Record<string, unknown> {
    const seconds = (now() - start) / 1000
    return { start: start / 1000, finish: now() / 1000, duration: seconds, processing: seconds, date_start: isoInZone(start, settings.zone), date_finish: isoInZone(now(), settings.zone), ...operating.fields('webhook', method) }
  }

  async function answer (call: { method: string, params: Params, occasion: Occasion }): Promise<{ status: number, body: unknown }> {
    const start = now()
    if (call.method === 'batch') {
      deps.count('batches')
      const cut = faults.strike('write', call.occasion, ['batch_cut'])
      const result = await runBatch(call.params, run, done => cut !== undefined && done >= (cut.after ?? 25))
      if (cut !== undefined) throw new CutConnection()
      return { status: 200, body: { result, time: timeOf(start, 'batch') } }
    }
    const ran = await run(call)
    if ('error' in ran) return { status: ran.error.status, body: { error: ran.error.code, error_description: ran.error.message } }
    return { status: 200, body: { ...ran.page, time: ran.time } }
  }

  return async (request, response) => {
    const id = `r${++requests}`
    deps.count('requests')
    const url = new URL(request.url ?? '/', 'http://portal')
    const path = /^\/rest\/(\d+)\/([^/]+)\/([\w.]+?)(\.json)?$/.exec(url.pathname)
    const body = await readBody(request)
    const method = (path?.[3] ?? '').toLowerCase()
    const params = { ...parseQuery(url.search.slice(1)), ...readParams(body, request.headers['content-type'] ?? '') }
    const occasion = occasionOf(method, params)
    const epoch = request.headers['x-dealbridge-epoch']
    const send = (status: number, content: unknown, type = 'application/json'): void => {
      journal.write(settings.name, { kind: 'answered', request: id, method, status })
      response.writeHead(status, { 'content-type': type }).end(typeof content === 'string' ? content : JSON.stringify(content))
    }
    const refuse = (status: number, error: string, description: string): void => send(status, { error, error_description: description })

    if (path === null || Number(path[1]) !== settings.user_id || path[2] !== settings.secret) return refuse(401, 'NO_AUTH_FOUND', 'Wrong authorization data')
    const auth = faults.strike('auth', occasion)
    if (auth?.mode === 'redirect') return send(302, '<html></html>', 'text/html')
    if (auth !== undefined) return refuseAuth(auth, refuse)
    if (faults.strike('limit', occasion, ['overload']) !== undefined) return refuse(503, 'OVERLOAD_LIMIT', 'REST API is blocked due to overload')
    if (faults.strike('limit', occasion, ['full']) !== undefined) buckets.fill(request.socket.remoteAddress ?? '', settings.limits.burst)
    const { accepted, level } = buckets.take(request.socket.remoteAddress ?? '', settings.limits, settings.switches.refused_calls_fill_bucket)
    journal.write(settings.name, { kind: 'received', request: id, method, level, ...(typeof epoch === 'string' ? { epoch } : {}), commands: commandsOf(method, params) })
    if (!accepted) { deps.count('refused'); return refuse(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests') }

    await deps.pause(settings.latency_ms / 2)
    const before = faults.strike('write', occasion, ['cut', 'late'])
    const after = faults.strike('write', occasion, ['lost', 'error_done'])
    const spoiled = faults.strike('answer', occasion)
    if (before !== undefined) {
      if (before.mode === 'late') void deps.pause(before.ms ?? 1000).then(() => answer({ method, params, occasion })).catch(() => undefined)
      request.socket.destroy()
      return
    }
    if (spoiled !== undefined && refuseAnswer(spoiled, { send, refuse })) return
    try {
      const { status, body: content } = await answer({ method, params, occasion })
      await deps.pause(settings.latency_ms / 2)
      if (after?.mode === 'lost') { request.socket.destroy(); return }
      if (after?.mode === 'error_done') return refuse(500, 'INTERNAL_SERVER_ERROR', 'Internal server error')
      if (spoiled !== undefined) return await spoilAnswer(spoiled, { content, send, pause: deps.pause })
      send(status, content)
    } catch (error) {
      if (!(error instanceof CutConnection)) throw error
      request.socket.destroy()
    }
  }
}

class CutConnection extends Error {}

function refuseAuth (fault: FaultSpec, refuse: (status: number, error: string, description: string) => void): void {
  if (fault.mode === 'expired_token') return refuse(401, 'expired_token', 'The access token provided has expired.')
  if (fault.mode === 'portal_deleted') return refuse(403, 'PORTAL_DELETED', 'Portal was deleted')
  return refuse(401, 'NO_AUTH_FOUND', 'Wrong authorization data')
}

/** Faults that answer without doing anything. */
function refuseAnswer (fault: FaultSpec, { send, refuse }: { send: (status: number, content: unknown, type?: string) => void, refuse: (status: number, error: string, description: string) => void }): boolean {
  switch (fault.mode) {
    case '503': refuse(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests'); return true
    case '429': refuse(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.'); return true
    case '500': refuse(500, 'INTERNAL_SERVER_ERROR', 'Internal server error'); return true
    case '502': case '504': send(Number(fault.mode), '<html><body>Bad gateway</body></html>', 'text/html'); return true
    case 'none': return true
    default: return false
  }
}

async function spoilAnswer (fault: FaultSpec, { content, send, pause }: { content: unknown, send: (status: number, content: unknown, type?: string) => void, pause: (ms: number) => Promise<void> }): Promise<void> {
  const text = JSON.stringify(content)
  if (fault.mode === 'html200') return send(200, '<html><body>Сервис недоступен</body></html>', 'text/html')
  if (fault.mode === 'malformed') return send(200, `${text}}`)
  if (fault.mode === 'truncated') return send(200, text.slice(0, text.length / 2))
  if (fault.mode === 'empty') return send(200, '')
  if (fault.mode === 'slow') await pause(fault.ms ?? 1000)
  send(200, content)
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

function occasionOf (method: string, params: Params): Occasion {
  const cmd = method === 'batch' ? Object.values(params['cmd'] as Record<string, string> | undefined ?? {}) : []
  return { methods: [method, ...cmd.map(text => String(text).split('?')[0] ?? '')], text: [JSON.stringify(params), ...cmd.map(text => decoded(String(text)))].join(' ') }
}

/** Percent-decoded where it can be: a stray percent sign is a text like any other. */
function decoded (text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function commandsOf (method: string, params: Params): JournalTarget[] {
  if (method !== 'batch') return [targetOf(method, params)]
  return Object.entries(params['cmd'] as Record<string, string> | undefined ?? {}).map(([command, text]) => {
    const parsed = readCommand(String(text))
    return { command, ...targetOf(parsed.method, parsed.params) }
  })
}

function targetOf (method: string, params: Params, page?: Page): JournalTarget {
  const fields = (params['fields'] ?? {}) as Record<string, unknown>
  // Both families: camelCase in the universal one, capitals in the old one, whose add answers the id alone.
  const originator = asText(fields['originatorId'] ?? fields['ORIGINATOR_ID'])
  const origin = asText(fields['originId'] ?? fields['ORIGIN_ID'])
  const added = typeof page?.result === 'number' ? page.result : (page?.result as { item?: { id?: number } } | undefined)?.item?.id
  const id = added ?? (params['id'] === undefined ? undefined : Number(params['id']))
  return {
    method,
    ...(id === undefined ? {} : { dealId: id }),
    ...(originator === '' ? {} : { originatorId: originator }),
    ...(origin === '' ? {} : { originId: origin })
  }
}
