import { createHash } from 'node:crypto'
import http from 'node:http'
import type { PortalSettings, WebhookConfig } from './config.ts'
import type { Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import { buildQuery } from './php.ts'
import type { Saved } from './store.ts'

/** The name of the event of each kind of save. */
export const EVENTS = { added: 'ONCRMDEALADD', updated: 'ONCRMDEALUPDATE', moved: 'ONCRMDEALMOVETOCATEGORY', deleted: 'ONCRMDEALDELETE' } as const

/** The queue of one portal's webhooks: ONE attempt per event and subscription, whatever comes of it. */
export interface Outbox { saved: (saved: Saved) => void, idle: () => Promise<void>, set: (webhooks: WebhookConfig[]) => void }

export function createOutbox (settings: PortalSettings, deps: { faults: Faults, journal: Journal, now: () => number }): Outbox {
  const { faults, journal, now } = deps
  let subscribers = settings.webhooks
  let queue: Promise<void> = Promise.resolve()
  const waiting = new Set<Promise<void>>()
  const agent = new http.Agent({ keepAlive: true })

  function body (webhook: WebhookConfig, saved: Saved, fault: string | undefined): string {
    const auth: Record<string, unknown> = { domain: settings.domain }
    if (settings.switches.endpoints) Object.assign(auth, { client_endpoint: `https://${settings.domain}/rest/`, server_endpoint: 'https://oauth.bitrix24.tech/rest/' })
    auth['member_id'] = fault === 'foreign_member' ? createHash('md5').update('foreign').digest('hex') : settings.member_id
    if (webhook.kind === 'robot') return buildQuery({ document_id: ['crm', 'CCrmDocumentDeal', `DEAL_${saved.id}`], auth })
    auth['application_token'] = fault === 'wrong_token' ? 'forged' : webhook.application_token
    const fields = saved.kind === 'moved' ? { ID: saved.id, CATEGORY_ID: saved.record['CATEGORY_ID'], STAGE_ID: saved.record['STAGE_ID'] } : { ID: saved.id }
    return buildQuery({
      event: EVENTS[saved.kind], ...(settings.switches.event_handler_id ? { event_handler_id: webhook.id ?? 1 } : {}),
      data: { FIELDS: fields }, ts: Math.floor(now() / 1000), auth
    })
  }

  async function deliver (webhook: WebhookConfig, saved: Saved): Promise<void> {
    const event = EVENTS[saved.kind]
    const fault = faults.strike('webhook', { methods: [event], text: String(saved.id) })
    if (fault?.mode === 'drop') {
      journal.write(settings.name, { kind: 'webhook_failed', event, dealId: saved.id, url: webhook.url, fault: 'drop' })
      return
    }
    const text = body(webhook, saved, fault?.mode)
    if (fault?.mode === 'late') {
      // The queue goes on meanwhile, so that a late webhook comes after newer ones.
      const late = new Promise(resolve => setTimeout(resolve, fault.ms ?? 1000)).then(() => attempt(webhook, { event, id: saved.id, text })).finally(() => { waiting.delete(late) })
      waiting.add(late)
      return
    }
    for (let i = 0; i < (fault?.mode === 'twice' ? 2 : 1); i += 1) {
      await attempt(webhook, { event, id: saved.id, text })
    }
  }

  async function attempt (webhook: WebhookConfig, { event, id, text }: { event: string, id: number, text: string }): Promise<void> {
    const status = await send(webhook.url, text, { agent, timeoutMs: settings.switches.handler_timeout_ms })
    journal.write(settings.name, { kind: status >= 200 && status < 300 ? 'webhook_sent' : 'webhook_failed', event, dealId: id, url: webhook.url, status })
  }

  return {
    saved (saved) {
      if (saved.type !== 2) return
      for (const webhook of subscribers) {
        // A move to another funnel reaches only apps; a webhook of the interface does not know that event.
        if (saved.kind === 'moved' && webhook.kind !== 'app') continue
        if (webhook.events !== undefined && !webhook.events.includes(EVENTS[saved.kind])) continue
        queue = queue.then(() => deliver(webhook, saved))
      }
    },
    idle: async () => { await queue; await Promise.all(waiting) },
    set (webhooks) { subscribers = webhooks }
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
