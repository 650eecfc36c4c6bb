import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PortalConfig } from './config.ts'
import type { Portal } from './portal.ts'
import { startSimulator } from './simulator.ts'

/** What ends with the caller: a test's context. */
export interface Holder { after (end: () => unknown): void }
export interface TestPortal extends Portal { readonly advance: (ms: number) => void }
export interface Reply { readonly status: number, readonly body: Record<string, unknown> }
/** The moment at which a clock of a test stands until it is set forward. */
export const NOON = Date.parse('2026-03-01T12:00:00Z')

/** One portal whose clock stands still; it ends with the test. */
export async function testPortal (t: Holder, config: Partial<PortalConfig> = {}): Promise<TestPortal> {
  const simulator = await startSimulator({ portals: [{ name: 'p', ...config }] }, { now: () => NOON })
  t.after(() => simulator.stop())
  return { ...simulator.portal('p'), advance: simulator.advance }
}

/** Calls a method with JSON: through the incoming webhook, or, with a token, as an app. */
export async function call (at: Portal, method: string, params: object = {}, token?: string): Promise<Reply> {
  const url = token === undefined ? `${at.restUrl}${method}.json` : `${origin(at)}/rest/${method}`
  const body = token === undefined ? params : { ...params, auth: token }
  return await asReply(await fetch(url, { method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }))
}

export const origin = (at: Portal): string => `http://127.0.0.1:${at.port}`

export async function asReply (response: Response): Promise<Reply> {
  const text = await response.text()
  return { status: response.status, body: response.headers.get('content-type') === 'application/json' && text !== '' ? JSON.parse(text) as Record<string, unknown> : { text } }
}

/** Status and error code, to compare at once. */
export const refusal = ({ status, body }: Reply): [number, unknown] => [status, body['error']]

/** Runs a batch and gives its five maps. */
export async function batch (at: Portal, cmd: object, more: object = {}): Promise<Record<string, unknown>> {
  const { status, body } = await call(at, 'batch', { cmd, ...more })
  if (status !== 200) throw new Error(`the batch was answered ${status}`)
  return body['result'] as Record<string, unknown>
}

export interface Received { readonly path: string, readonly raw: string, readonly form: URLSearchParams }
/** A handler of webhooks that keeps what it got; `status` says how it answers. */
export async function handler (t: Holder, status: (received: Received) => number | Promise<number> = () => 200): Promise<{ url: string, received: Received[] }> {
  const received: Received[] = []
  const server = http.createServer((request, response) => {
    let raw = ''
    request.on('data', (chunk: Buffer) => { raw += chunk.toString() }).on('end', () => {
      const one = { path: request.url ?? '', raw, form: new URLSearchParams(raw) }
      received.push(one)
      void Promise.resolve(status(one)).then((code) => { response.writeHead(code).end() })
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close(); server.closeAllConnections() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

/** Waits until a condition holds; throws after five seconds. */
export async function until (condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so within 5 s: ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export const APP = { client_id: 'app.1', client_secret: 'secret.1', redirect_uri: 'https://app.example/back?x=1', application_token: 'app-token' } as const

/** Goes the whole way of an app: authorization, code, first pair of tokens. */
export async function tokens (at: Portal): Promise<Record<string, unknown>> {
  const sent = await fetch(`${origin(at)}/oauth/authorize/?client_id=${APP.client_id}&state=s`, { redirect: 'manual' })
  const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code') ?? ''
  return (await token(at, { grant_type: 'authorization_code', code })).body
}

/** Asks the authorization server, with the app's own id and secret if no others are given. */
export async function token (at: Portal, params: Record<string, string>, way: 'GET' | 'POST' = 'GET'): Promise<Reply> {
  const query = new URLSearchParams({ client_id: APP.client_id, client_secret: APP.client_secret, ...params })
  return await asReply(way === 'GET'
    ? await fetch(`${origin(at)}/oauth/token/?${query.toString()}`)
    : await fetch(`${origin(at)}/oauth/token/`, { method: 'POST', body: query }))
}
