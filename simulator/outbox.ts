import http from 'node:http'
import type { PortalSettings } from './config.ts'
import { eventBody } from './event-body.ts'
import type { AppAuth, Message, Subscription } from './event-body.ts'
import type { FaultSpec, Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import { createQueue } from './queue.ts'
import type { Queue } from './queue.ts'

/** Webhooks of one portal: ONE attempt per event and subscription, whatever comes of it; each handler has its own queue. */
export interface Outbox { tell: (subscription: Subscription, message: Message) => void, idle: () => Promise<void> }
export interface OutboxDeps {
  readonly faults: Faults
  readonly journal: Journal
  readonly now: () => number
  readonly pause: (ms: number) => Promise<void>
  /** Passed before each attempt; a frozen portal holds it. */
  readonly gate: () => Promise<void>
  /** Tokens for an app's call; nothing for the other kinds, or when a robot acted. */
  readonly tokens: (subscription: Subscription, message: Message) => AppAuth | undefined
}
interface Letter { readonly subscription: Subscription, readonly message: Message, readonly text: string, readonly fault?: string }

export function createOutbox (settings: PortalSettings, deps: OutboxDeps): Outbox {
  const { faults, journal, now, pause } = deps
  const queues = new Map<string, Queue>()
  const waiting = new Set<Promise<unknown>>()
  const held = new Map<string, Letter[]>()
  const agent = new http.Agent({ keepAlive: true })
  const queueOf = (url: string): Queue => {
    const own = queues.get(url) ?? createQueue(() => settings.switches.slow_gap_ms, pause)
    queues.set(url, own)
    return own
  }
  const later = (ms: number, act: () => Promise<unknown>): void => {
    const promise: Promise<unknown> = pause(ms).then(act).finally(() => { waiting.delete(promise) })
    waiting.add(promise)
  }
  const record = (letter: Pick<Letter, 'subscription' | 'message' | 'fault'> & { readonly text?: string }, outcome: { kind: 'webhook_sent' | 'webhook_failed', status?: number }): void => {
    const { subscription: { url, id }, message: { event, document, save }, fault } = letter
    const ts = /(?:^|&)ts=(\d+)/.exec(letter.text ?? '')?.[1]
    journal.write(settings.name, {
      ...outcome, event, url, ...(id === undefined ? {} : { subscription: id }), ...(fault === undefined ? {} : { fault }), ...(save === undefined ? {} : { save }), ...(ts === undefined ? {} : { ts: Number(ts) }),
      ...(document === undefined ? {} : document.type === 2 ? { dealId: document.id } : { recordId: document.id })
    })
  }

  async function attempt (letter: Letter): Promise<boolean> {
    await deps.gate()
    const start = performance.now()
    const status = await send(letter.subscription.url, letter.text, { agent, timeoutMs: settings.switches.handler_timeout_ms })
    const good = status >= 200 && status < 300
    record(letter, { kind: good ? 'webhook_sent' : 'webhook_failed', status })
    return good && performance.now() - start < settings.switches.slow_handler_ms
  }

  /** Collects letters for a while: a burst sends all at once, `reordered` the newest first. */
  function hold (letter: Letter, fault: FaultSpec): void {
    const key = `${fault.mode} ${letter.subscription.url}`
    const letters = held.get(key)
    if (letters !== undefined) { letters.push(letter); return }
    held.set(key, [letter])
    later(fault.ms ?? 1000, async () => {
      const all = held.get(key) ?? []
      held.delete(key)
      if (fault.mode === 'burst') await Promise.all(all.map(attempt))
      else for (const one of all.toReversed()) await attempt(one)
    })
  }

  async function deliver (subscription: Subscription, message: Message): Promise<boolean> {
    const fault = faults.strike('webhook', { methods: [message.event], text: String(message.document?.id ?? '') })
    if (fault?.mode === 'drop') {
      record({ subscription, message, fault: 'drop' }, { kind: 'webhook_failed' })
      return true
    }
    const text = eventBody(settings, subscription, message, { now: now(), tokens: deps.tokens(subscription, message), fault: fault?.mode })
    const letter: Letter = { subscription, message, text, ...(fault === undefined ? {} : { fault: fault.mode }) }
    if (fault?.mode === 'reordered' || fault?.mode === 'burst') { hold(letter, fault); return true }
    // The queue goes on meanwhile, so that a late webhook comes after newer ones.
    if (fault?.mode === 'late') { later(fault.ms ?? 1000, () => attempt(letter)); return true }
    if (fault?.mode === 'replayed') later(fault.ms ?? 1000, () => attempt(letter))
    if (fault?.mode === 'twice') await attempt(letter)
    return await attempt(letter)
  }

  return {
    tell: (subscription, message) => { queueOf(subscription.url).put(() => deliver(subscription, message)) },
    idle: async () => {
      // Robots and people of a fault save a moment after the save that called them.
      await new Promise(resolve => setImmediate(resolve))
      await Promise.all([...queues.values()].map(queue => queue.idle()))
      while (waiting.size > 0) await Promise.all(waiting)
    }
  }
}

/** Gives the status, or 0 when nobody answered. */
function send (url: string, body: string, { agent, timeoutMs }: { agent: http.Agent, timeoutMs: number }): Promise<number> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: 'POST', agent, timeout: timeoutMs, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body), 'user-agent': 'Bitrix24 Webhook Engine' } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', () => resolve(0))
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(0))
    request.end(body)
  })
}
