import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { messageOf } from './logger.ts'

/** How a request ended. `unsent`: surely nothing was written on a socket. `broken`: it was, and no whole answer came. */
export type Reply =
  | { readonly kind: 'answer', readonly status: number, readonly contentType: string, readonly retryAfterMs: number | null, readonly text: string }
  | { readonly kind: 'unsent', readonly detail: string }
  | { readonly kind: 'broken', readonly detail: string }

export interface OutgoingRequest {
  readonly url: string
  readonly body: string
  /** For the whole of it, from now to the last byte of the answer. */
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
  /** Asked right before the socket write; false drops the request as `unsent`. */
  readonly mayWrite?: () => boolean
}

/** The one door to other hosts. Redirects are not followed, nothing is repeated. */
export interface Outgoing { post (request: OutgoingRequest): Promise<Reply>, close (): Promise<void> }

const MAX_BYTES = 33_554_432
// To one portal. Four writes, a read and some probes may hang at a time, and the next probe still needs one.
const CONNECTIONS = 12

const inner = new BlockList()
for (const [net, bits] of [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4]] as const) inner.addSubnet(net, bits)
for (const [net, bits] of [['::', 128], ['::1', 128], ['::ffff:0:0', 96], ['64:ff9b::', 96], ['2002::', 16], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8]] as const) inner.addSubnet(net, bits, 'ipv6')

/** True for addresses that are not on the public internet; a name that resolves to one is never called. */
export function isInnerAddress (address: string): boolean {
  const family = isIP(address)
  return family === 0 || inner.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

// Decided at connect time, on the address that is really used: a check before would miss a name that changes its mind.
const guarded: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '')
    const named = hostname === 'localhost'
    const usable = addresses.filter(a => named || !isInnerAddress(a.address))
    const first = usable[0]
    if (first === undefined) return done(Object.assign(new Error(`${hostname} resolves to an inner address; such a name is never called`), { code: 'EADDRINNER' }), '')
    if (options.all === true) return done(null, usable)
    return done(null, first.address, first.family)
  })
}

/** Makes the door. A literal inner address is called only because the config itself names it: nothing else gives URLs. */
export function createOutgoing (): Outgoing {
  const agent = new Agent({ connect: { lookup: guarded, timeout: 3000 }, keepAliveTimeout: 4000, pipelining: 1, connections: CONNECTIONS })
  return { post: request => post(agent, request), close: () => agent.destroy() }
}

function post (agent: Agent, request: OutgoingRequest): Promise<Reply> {
  const url = new URL(request.url)
  return new Promise((answer) => {
    let written = false
    let expired = false
    let running: Dispatcher.DispatchController | undefined
    const resolve = (reply: Reply): void => { clearTimeout(timer); answer(reply) }
    // undici's time-outs start anew with each byte; an answer that drips would hold its place for ever.
    const timer = setTimeout(() => {
      expired = true
      if (running === undefined) resolve({ kind: 'unsent', detail: 'no connection became free in time' })
      else running.abort(new Error('the answer was not whole in time'))
    }, request.timeoutMs)
    let status = 0
    let headers: Readonly<Record<string, string | string[] | undefined>> = {}
    let size = 0
    const chunks: Buffer[] = []
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart (controller) {
        if (expired || request.mayWrite?.() === false) { controller.abort(new Error('the deadline had passed before the request was written')); return }
        running = controller
        written = true
      },
      onResponseStart (_controller, code, head) { status = code; headers = head },
      onResponseData (controller, chunk) {
        size += chunk.length
        if (size > MAX_BYTES) controller.abort(new Error('the answer is larger than 32 MB'))
        else chunks.push(chunk)
      },
      onResponseEnd () {
        const after = Number(headers['retry-after'])
        resolve({
          kind: 'answer', status, contentType: String(headers['content-type'] ?? ''),
          retryAfterMs: Number.isFinite(after) ? after * 1000 : null, text: Buffer.concat(chunks).toString('utf8')
        })
      },
      onResponseError (_controller, error) { resolve({ kind: written ? 'broken' : 'unsent', detail: messageOf(error) }) }
    }
    agent.dispatch({
      origin: url.origin, path: url.pathname + url.search, method: 'POST', body: request.body,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...request.headers },
      headersTimeout: request.timeoutMs, bodyTimeout: request.timeoutMs
    }, handler)
  })
}
