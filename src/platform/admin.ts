import { createServer } from 'node:http'
import type { Registry } from './metrics.ts'

/** Names what is missing, empty when ready. */
export type Readiness = () => readonly string[] | Promise<readonly string[]>

/**
 * Health, readiness and metrics of one process on its own port, apart from the public API (contract 7).
 * `/healthz` says that the event loop turns; `/readyz` is 503 with the names of what is missing.
 */
export async function startAdmin (options: { host: string, port: number, registry: Registry, readiness: Readiness }): Promise<{ stop (): Promise<void> }> {
  const { registry, readiness } = options
  const server = createServer((request, response) => {
    void answer(request.url ?? '/').then(({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body))
  })
  async function answer (path: string): Promise<{ status: number, type: string, body: string }> {
    if (path === '/healthz') return { status: 200, type: 'application/json', body: '{"status":"alive"}' }
    if (path === '/metrics') return { status: 200, type: registry.contentType, body: await registry.metrics() }
    if (path !== '/readyz') return { status: 404, type: 'application/json', body: '{"error":"not found; try /healthz, /readyz or /metrics"}' }
    const missing = await Promise.resolve(readiness()).catch(() => ['readiness'])
    return { status: missing.length === 0 ? 200 : 503, type: 'application/json', body: JSON.stringify({ ready: missing.length === 0, missing }) }
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return { stop: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() }) }
}
