import type { Apps } from './apps.ts'
import type { Caller } from './caller.ts'
import type { PortalSettings } from './config.ts'
import type { Params } from './params.ts'
import { scopeOf } from './oauth.ts'
import type { OAuth } from './oauth.ts'
import { asText } from './text.ts'

/** Who calls, by the address and the token; or what the portal answers to somebody it does not know. */
export type Doorman = (path: string, params: Params) => { readonly caller: Caller } | { readonly status: number, readonly error: string, readonly body: unknown }

const WEBHOOK = /^\/rest\/(\d+)\/([^/]+)\/[\w.]+$/
const TOKEN = /^\/rest\/[\w.]+$/

export function createDoorman (settings: PortalSettings, apps: Apps, oauth: OAuth): Doorman {
  const refused = (error: string, error_description: string): ReturnType<Doorman> => ({ status: 401, error, body: { error, error_description } })
  const unknown = refused('NO_AUTH_FOUND', 'Wrong authorization data')

  function byToken (token: string, connector: string): ReturnType<Doorman> {
    const holder = oauth.holder(token)
    if (holder === 'expired') return refused('expired_token', 'The access token provided has expired.')
    const app = holder === undefined ? undefined : apps.find(holder.clientId)
    if (holder === undefined || app?.installed !== true) return unknown
    return { caller: { kind: 'app', key: `app ${holder.clientId}`, clientId: holder.clientId, userId: holder.userId, scope: scopeOf(app), connector } }
  }

  return (path, params) => {
    const connector = asText(params['auth_connector'])
    // REST 3.0 knows no deals; its errors have an envelope of their own.
    if (path.startsWith('/rest/api/')) return { status: 400, error: METHOD_3, body: { error: { code: METHOD_3, message: `Method \`${path.split('/').at(-1) ?? ''}\` was not found` } } }
    const webhook = WEBHOOK.exec(path)
    if (webhook !== null) {
      if (Number(webhook[1]) !== settings.user_id || webhook[2] !== settings.secret) return unknown
      return { caller: { kind: 'webhook', key: 'webhook', clientId: '', userId: settings.user_id, scope: settings.scope, connector } }
    }
    return TOKEN.test(path) ? byToken(asText(params['auth']), connector) : unknown
  }
}

const METHOD_3 = 'BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION'
