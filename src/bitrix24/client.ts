import type { Json } from '../domain/mapping/mapping.ts'
import { monotonicMs } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import type { Outgoing } from '../platform/outgoing.ts'
import { commandText, jsonText } from './batch.ts'
import type { Command } from './batch.ts'
import { createBatchSize } from './batch-size.ts'
import { tooLate } from './breaker.ts'
import type { Breaker } from './breaker.ts'
import type { Limiter, Slot } from './limiter.ts'
import { createOperating } from './operating.ts'
import { readBatch, readReply } from './response.ts'
import type { Answer, Fate } from './response.ts'

export interface CallOptions {
  readonly intent: 'read' | 'write'
  readonly slot: Slot
  /** Monotonic ms after which the request must not be written any more. */
  readonly notAfter?: number
  readonly headers?: Readonly<Record<string, string>>
}

export type BatchAnswer =
  | { readonly kind: 'ok', readonly fate: (key: string) => Fate, readonly portalNow: number | null }
  | Extract<Answer, { kind: 'failed' }>

/** One portal: its budget, its circuit, its calls. Each call spends the slot it is given. */
export interface PortalClient {
  readonly name: string
  readonly limiter: Limiter
  breakerState (): 'closed' | 'open' | 'probing'
  /** Milliseconds for which the portal would refuse this method in a batch, since its time is used up; 0 when it may be sent. */
  heldMs (method: string): number
  /** How many commands of this method a batch may hold now, so that none is refused for its time. */
  room (method: string): number
  /** Counts commands as under way from before they are sent until the function that it gives is called. */
  begin (methods: readonly string[]): () => void
  /** How many commands a batch should have at most, so that the portal does not cut it for its length. */
  batchSize (): number
  call (method: string, params: Readonly<Record<string, Json>>, options: CallOptions): Promise<Answer>
  batch (commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer>
}

export interface CallMeter { observe (portal: string, method: string, seconds: number, outcome: string): void }

const READ_MS = 30_000
// Past the portal's own limit of 60 s, so that a late answer is still heard.
const WRITE_MS = 65_000
const THROTTLED_PAUSE_MS = 2000

/**
 * Makes the client of one portal; `restUrl` is the incoming webhook's address, which is the credential itself, `operatingSeconds` what a
 * method may run in ten minutes, `requestLimitMs` after what time the portal ends a request (a test's portal does it earlier).
 */
export function createPortalClient (parts: { name: string, restUrl: string, outgoing: Outgoing, limiter: Limiter, breaker: Breaker, meter: CallMeter, operatingSeconds?: number, requestLimitMs?: number }): PortalClient {
  const { name, outgoing, limiter, breaker, meter } = parts
  const operating = createOperating(parts.operatingSeconds === undefined ? {} : { limitSeconds: parts.operatingSeconds })
  const base = parts.restUrl.endsWith('/') ? parts.restUrl : `${parts.restUrl}/`
  const masked = createMask(base)
  const size = createBatchSize(parts.requestLimitMs)

  async function call (method: string, params: Readonly<Record<string, Json>>, options: CallOptions): Promise<Answer> {
    const started = monotonicMs()
    const last = Math.min(options.slot.notAfter, options.notAfter ?? Infinity)
    const answer = masked(await breaker.fire(() => send(method, params, { ...options, last })))
    meter.observe(name, method, (monotonicMs() - started) / 1000, answer.kind === 'ok' ? 'ok' : answer.failure.class)
    if (answer.kind === 'ok') {
      operating.note(method, answer.time)
      return answer
    }
    const failure = operating.withWait(method, answer.failure)
    // Only the rate fills the bucket; method time is a budget of its own and concerns one method.
    if (failure.code.toUpperCase() === 'QUERY_LIMIT_EXCEEDED') await limiter.refused(failure.waitMs ?? THROTTLED_PAUSE_MS)
    return { kind: 'failed', failure }
  }

  async function send (method: string, params: Readonly<Record<string, Json>>, how: CallOptions & { readonly last: number }): Promise<Answer> {
    let late = false
    const replying = outgoing.post({
      url: `${base}${method}.json`,
      body: jsonText(params),
      timeoutMs: how.intent === 'write' ? WRITE_MS : READ_MS,
      mayWrite: () => { late = monotonicMs() >= how.last; return !late },
      ...(how.headers === undefined ? {} : { headers: how.headers })
    })
    if (how.intent === 'write') failpoint('K11')
    const reply = await replying
    if (how.intent === 'write') failpoint('K12')
    if (late && reply.kind === 'unsent') return { kind: 'failed', failure: tooLate }
    return readReply(reply, how.intent)
  }

  async function batch (commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer> {
    const cmd = Object.fromEntries([...commands].map(([key, command]) => [key, commandText(command)]))
    const began = monotonicMs()
    const answer = await call('batch', { halt: 0, cmd }, options)
    size.learn({ commands: commands.size, tookMs: monotonicMs() - began, isAnswered: answer.kind === 'ok' })
    if (answer.kind === 'failed') return answer
    const fate = readBatch(answer.result, options.intent)
    if (fate !== undefined) return { kind: 'ok', fate: key => timed(commands.get(key)?.method ?? '', fate(key)), portalNow: answer.portalNow }
    return { kind: 'failed', failure: { class: options.intent === 'write' ? 'unknown' : 'transient', code: 'no_answer', detail: 'The portal answered a batch with something that is not a batch answer.' } }
  }

  function timed (method: string, fate: Fate): Fate {
    if (fate.kind === 'ok') operating.note(method, fate.time)
    return fate.kind === 'failed' ? { kind: 'failed', failure: operating.withWait(method, fate.failure) } : fate
  }

  const heldMs = (method: string): number => Math.max(operating.heldMs(method), operating.heldMs('batch'))

  const room = (method: string): number => operating.room('batch') === 0 ? 0 : operating.room(method)

  return { name, limiter, breakerState: () => breaker.state(), heldMs, room, batchSize: () => size.current(), begin: methods => operating.begin(methods), call, batch }
}

/** The words of a portal or of a socket without the secret, which is the last part of an incoming webhook's address. */
function createMask (base: string): (answer: Answer) => Answer {
  const secret = /\/rest\/[^/]+\/([^/]+)\/$/.exec(base)?.[1] ?? ''
  const hide = (text: string): string => secret === '' ? text : text.replaceAll(secret, '***')
  return answer => answer.kind === 'ok' ? answer : { kind: 'failed', failure: { ...answer.failure, code: hide(answer.failure.code), detail: hide(answer.failure.detail) } }
}
