import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { WebhookConfig } from './config.ts'
import type { FaultSpec } from './faults.ts'
import type { Portal } from './portal.ts'
import type { Simulator } from './simulator.ts'
import type { Record_ } from './store.ts'

/** The control door: people, faults and the record over HTTP; it costs no budget of any portal. */
export async function startControl (simulator: Simulator, port: number): Promise<{ stop: () => Promise<void> }> {
  const server = createServer((request, response) => {
    answer(simulator, request).then(
      ({ status, body }) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }))
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return { stop: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() }) }
}

async function answer (simulator: Simulator, request: IncomingMessage): Promise<{ status: number, body: unknown }> {
  const url = new URL(request.url ?? '/', 'http://control')
  if (url.pathname === '/healthz') return { status: 200, body: { portals: simulator.portals().map(p => p.name) } }
  if (url.pathname === '/clock' && request.method === 'POST') {
    simulator.advance(Number((JSON.parse(await text(request) || '{}') as Record_)['advance_ms'] ?? 0))
    return { status: 200, body: {} }
  }
  const match = /^\/portals\/([\w-]+)\/([\w-]+)(?:\/(\d+))?$/.exec(url.pathname)
  const portal = simulator.portals().find(p => p.name === match?.[1])
  if (match === null || portal === undefined) return { status: 404, body: { error: 'try /portals/NAME/deals' } }
  const body = request.method === 'GET' ? {} : JSON.parse(await text(request) || '{}') as Record_
  const result = act(portal, { what: `${request.method} ${match[2]}`, id: Number(match[3] ?? body['id']), body, since: Number(url.searchParams.get('since') ?? 0) })
  return result === undefined ? { status: 404, body: { error: `nothing to do for ${request.method} ${url.pathname}` } } : { status: 200, body: result }
}

function act (portal: Portal, { what, id, body, since }: { what: string, id: number, body: Record_, since: number }): unknown {
  switch (what) {
    case 'POST create': return { id: portal.create(body['fields'] as Record_) }
    case 'POST update': portal.update(id, body['fields'] as Record_); return { id }
    case 'POST move': portal.move(id, String(body['stage'])); return { id }
    case 'POST delete': portal.remove(id); return { id }
    case 'POST robot': portal.robot(id, body['fields'] as Record_); return { id }
    case 'POST recurring': return { id: portal.createRecurring(body['fields'] as Record_) }
    case 'POST merge': portal.merge(body['ids'] as number[]); return {}
    case 'POST hide': portal.hide(id); return {}
    case 'POST show': portal.show(id); return {}
    case 'POST freeze': portal.freeze(); return {}
    case 'POST thaw': portal.thaw(); return {}
    case 'POST configure': portal.configure(body); return {}
    case 'POST install-app': portal.apps.install(String(body['client_id'])); return {}
    case 'POST update-app': portal.apps.update(String(body['client_id'])); return {}
    case 'POST uninstall-app': portal.apps.uninstall(String(body['client_id'])); return {}
    case 'POST fault': return { id: portal.fault(body as unknown as FaultSpec) }
    case 'POST clear-faults': portal.clearFaults(); return {}
    case 'PUT webhooks': portal.setWebhooks(body as unknown as WebhookConfig[]); return {}
    case 'GET deals': return Number.isNaN(id) ? portal.deals() : portal.deal(id) ?? null
    case 'GET stats': return portal.stats()
    case 'GET journal': return portal.journal(since)
    default: return undefined
  }
}

async function text (request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
