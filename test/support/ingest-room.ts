import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { DomainEvent, EventLog } from '../../src/eventlog/port.ts'
import { createMemoryClaims } from '../../src/ingest/claims.ts'
import type { Claims } from '../../src/ingest/claims.ts'
import { createIngest } from '../../src/ingest/ingest.ts'
import type { Ingest, IngestOptions } from '../../src/ingest/ingest.ts'
import type { LinkReader } from '../../src/ingest/links.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { Registry } from '../../src/platform/metrics.ts'
import type { Holder } from './system.ts'

export const KEY = 'k'.repeat(32)
export const FORM = 'application/x-www-form-urlencoded'

/** A request as `app.inject` takes it. */
export interface Call { readonly method: 'GET' | 'POST', readonly url: string, readonly payload?: string | Buffer, readonly headers: Record<string, string> }

/** The ingest room with its real server, on a log and claims in memory. */
export interface IngestRoom {
  readonly app: FastifyInstance
  readonly ingest: Ingest
  /** What was appended. */
  readonly events: DomainEvent[]
  readonly log: EventLog
  /** Everything that was logged, from debug on. */
  readonly said: () => string
  readonly registry: Registry
}

const LIMITS = { per_second: 2, burst: 50, operating_seconds: 480 }
const portal = (name: string, more: object): object => ({ name, role: 'source', domain: `${name}.bitrix24.ru`, application_tokens: [], limits: LIMITS, ...more })

/**
 * acme has two application tokens, beta none but a configured member_id, gamma no route, and main is the target.
 * `log`, `claims` and `links` may be others than those in memory; what was taken ends with the test.
 */
export function openIngest (t: Holder, own: { log?: EventLog, claims?: Claims | null, links?: LinkReader, patienceMs?: number } = {}): IngestRoom {
  const data_dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-ingest-'))
  const events: DomainEvent[] = []
  const given = own.log ?? createMemoryLog()
  const log: EventLog = { ...given, append: async (event) => { const position = await given.append(event); events.push(event); return position } }
  let said = ''
  const logger = createLogger('webhook_handler', 'debug', { write: (line) => { said += line } })
  const registry = new Registry()
  const links = own.links ?? { findLink: () => Promise.resolve('456'), findLanded: () => Promise.resolve({ ended: true, targetDealId: '789' }) }
  const options = {
    ingest: { host: '127.0.0.1', port: 0, api_keys: [{ name: 'bot', key: KEY }] }, data_dir, allowed_domains: ['*.bitrix24.ru'],
    portals: [
      portal('acme', { signal_secret: 'secret-acme', application_tokens: ['tok-old', 'tok-new'] }), portal('beta', { signal_secret: 'secret-beta', member_id: 'member-beta' }),
      portal('gamma', { signal_secret: 'secret-gamma' }), portal('main', { role: 'target' })
    ],
    routes: new Map([['acme', {}], ['beta', {}]]), patienceMs: own.patienceMs ?? 3000
  } as unknown as IngestOptions
  const claims = own.claims === undefined ? createMemoryClaims(() => performance.now()) : own.claims
  const ingest = createIngest({ log, claims, links, logger, registry }, options)
  t.after(async () => { await ingest.stop(); rmSync(data_dir, { recursive: true }) })
  return { app: ingest.app, ingest, events, log, said: () => said, registry }
}

/** A JSON webhook of a program with an ingest key. `body` is put over a good one. */
export function jsonCall (body: object | string = {}, headers: Record<string, string> = {}): Call {
  const good = { event: 'ONCRMDEALUPDATE', data: { FIELDS: { ID: 7 } }, ts: '1766047124', auth: { domain: 'acme.bitrix24.ru', application_token: 'tok-new' } }
  const payload = typeof body === 'string' ? body : JSON.stringify({ ...good, ...body })
  return { method: 'POST', url: '/webhook/deal', payload, headers: { 'x-api-key': KEY, 'content-type': 'application/json', ...headers } }
}

/** A form as a portal sends it, `fields` put over a good one (an empty value takes one away). */
export function formCall (fields: Record<string, string> = {}, url = '/webhook/bitrix24/secret-acme'): Call {
  const good = { event: 'ONCRMDEALUPDATE', event_handler_id: '975', 'data[FIELDS][ID]': '7', ts: '1766047124', 'auth[domain]': 'acme.bitrix24.ru', 'auth[application_token]': 'tok-new' }
  const all = Object.entries({ ...good, ...fields }).filter(([, value]) => value !== '')
  return { method: 'POST', url, payload: new URLSearchParams(all).toString(), headers: { 'content-type': FORM } }
}
