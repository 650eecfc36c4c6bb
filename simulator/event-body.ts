import { createHash } from 'node:crypto'
import type { PortalSettings } from './config.ts'
import { ACCESS_MS } from './oauth.ts'
import { buildQuery } from './php.ts'

/** What a subscriber is told: an event of a record, or of an app's life. */
export interface Message {
  readonly event: string
  readonly data: Record<string, unknown>
  /** The record that was saved: its document id is all that a robot's call says. */
  readonly document?: { readonly type: 2 | 3 | 4, readonly id: number }
  /** `seq` of the save in the journal. */
  readonly save?: number
  readonly queuedAt: number
  /** Who acted; absent when a robot did: then apps get no tokens. */
  readonly userId?: number
}
/** One subscription as its bodies show it. */
export interface Subscription { readonly url: string, readonly kind: 'ui' | 'app' | 'robot', readonly id?: number, readonly application_token?: string | undefined, readonly clientId?: string | undefined }
/** OAuth values of an app's call. `refresh_token` only with install events and the test event. */
export interface AppAuth { readonly access_token: string, readonly until: number, readonly scope: readonly string[], readonly userId: number, readonly refresh_token?: string }

const DOCUMENTS = { 2: ['CCrmDocumentDeal', 'DEAL'], 3: ['CCrmDocumentContact', 'CONTACT'], 4: ['CCrmDocumentCompany', 'COMPANY'] } as const

/** The form that a portal posts: every value a text, keys in the portal's own order, empty maps left out. */
export function eventBody (settings: PortalSettings, subscription: Subscription, message: Message, parts: { now: number, tokens?: AppAuth | undefined, fault?: string | undefined }): string {
  const { now, tokens, fault } = parts
  const auth = authOf(settings, subscription, { tokens, fault })
  if (subscription.kind === 'robot') {
    const [code, prefix] = DOCUMENTS[message.document?.type ?? 2]
    return buildQuery({ document_id: ['crm', code, `${prefix}_${message.document?.id ?? ''}`], auth })
  }
  const handlerId = settings.switches.event_handler_id && subscription.id !== undefined && fault !== 'missing_keys' ? { event_handler_id: subscription.id } : {}
  const at = settings.switches.ts === 'queued' ? message.queuedAt : now
  const extra = fault === 'extra_keys' ? { event_id: 'x1', attempt: '1' } : {}
  const data = fault === 'extra_keys' ? { ...message.data, PREVIOUS: { ID: '0' } } : message.data
  return buildQuery({ event: message.event, ...handlerId, data, ts: Math.floor(at / 1000), ...extra, auth })
}

function authOf (settings: PortalSettings, subscription: Subscription, { tokens, fault }: { tokens: AppAuth | undefined, fault: string | undefined }): Record<string, unknown> {
  const endpoints = settings.switches.endpoints && fault !== 'missing_keys'
  const client = fault === 'internal_endpoint' ? 'http://169.254.169.254/rest/' : `https://${settings.domain}/rest/`
  const domain = fault === 'foreign_domain' ? 'foreign.bitrix24.ru' : settings.domain
  const member = fault === 'foreign_member' ? createHash('md5').update('foreign').digest('hex') : settings.member_id
  const token = subscription.kind === 'robot' ? undefined : fault === 'wrong_token' ? 'forged' : subscription.application_token
  const oauth = tokens === undefined
    ? {}
    : {
        access_token: tokens.access_token, expires: Math.floor(tokens.until / 1000), expires_in: ACCESS_MS / 1000, scope: tokens.scope.join(','),
        status: 'L', user_id: tokens.userId, ...(tokens.refresh_token === undefined ? {} : { refresh_token: tokens.refresh_token })
      }
  return {
    ...oauth, domain,
    ...(endpoints || fault === 'internal_endpoint' ? { client_endpoint: client, server_endpoint: `https://${settings.auth_server}/rest/` } : {}),
    member_id: member, application_token: token, ...(fault === 'extra_keys' ? { licence: 'basic' } : {})
  }
}
