import { randomBytes } from 'node:crypto'
import type { App, Apps } from './apps.ts'
import type { PortalSettings } from './config.ts'
import { asText } from './text.ts'

export const CODE_MS = 30_000
export const ACCESS_MS = 3_600_000
const REFRESH_MS = 180 * 24 * 3_600_000

interface Grant { clientId: string, userId: number, until: number }
export interface Tokens { readonly access_token: string, readonly refresh_token: string, readonly until: number }
/** What the two addresses answer. */
export interface OAuthAnswer { readonly status: number, readonly body?: unknown, readonly location?: string }
/** The authorization server and the memory of one portal's tokens, by the simulator's clock. */
export interface OAuth {
  /** `/oauth/authorize/`: the portal's user agrees at once and is sent back with a code. */
  authorize: (params: Record<string, unknown>) => OAuthAnswer
  /** `/oauth/token/`: a code or a refresh token for a new pair; both work once. */
  token: (params: Record<string, unknown>) => OAuthAnswer
  issue: (clientId: string, userId: number) => Tokens
  /** Whose an access token is. */
  holder: (accessToken: string) => { clientId: string, userId: number } | 'expired' | undefined
  /** Every code and token of an app dies. */
  revoke: (clientId: string) => void
  dump: () => unknown
  load: (state: unknown) => void
}

export function createOAuth (settings: PortalSettings, apps: Apps, now: () => number): OAuth {
  const grants = { code: new Map<string, Grant>(), access: new Map<string, Grant>(), refresh: new Map<string, Grant>() }
  type Kind = keyof typeof grants
  const make = (kind: Kind, owner: { clientId: string, userId: number }, ms: number): string => {
    const secret = randomBytes(32).toString('hex')
    grants[kind].set(secret, { clientId: owner.clientId, userId: owner.userId, until: now() + ms })
    return secret
  }
  const issue = (clientId: string, userId: number): Tokens => ({
    access_token: make('access', { clientId, userId }, ACCESS_MS), refresh_token: make('refresh', { clientId, userId }, REFRESH_MS), until: now() + ACCESS_MS
  })
  const take = (kind: Kind, secret: string, clientId: string): Grant | undefined => {
    const grant = grants[kind].get(secret)
    if (grant?.clientId !== clientId) return undefined
    grants[kind].delete(secret)
    return grant.until > now() ? grant : undefined
  }

  function exchange (app: App, grant: 'authorization_code' | 'refresh_token', secret: string): OAuthAnswer {
    const owner = take(grant === 'authorization_code' ? 'code' : 'refresh', secret, app.config.client_id)
    if (owner === undefined) return oauthError('invalid_grant', 'Invalid grant')
    const tokens = issue(owner.clientId, owner.userId)
    return { status: 200, body: { ...grantBody(settings, app, tokens), ...(grant === 'refresh_token' ? { expires: Math.floor(tokens.until / 1000), user_id: owner.userId } : {}) } }
  }

  return {
    issue,
    authorize: (params) => {
      const app = apps.find(asText(params['client_id']))
      if (app?.installed !== true) return { status: 400, body: '<html><body>The application is not installed</body></html>' }
      const code = make('code', { clientId: app.config.client_id, userId: settings.user_id }, CODE_MS)
      const back = new URL(app.config.redirect_uri)
      const said = { code, state: asText(params['state']), domain: settings.domain, member_id: settings.member_id, scope: scopeOf(app).join(','), server_domain: settings.auth_server }
      for (const [name, value] of Object.entries(said)) back.searchParams.set(name, value)
      return { status: 302, location: back.href }
    },
    token: (params) => {
      const grant = asText(params['grant_type'])
      const app = apps.find(asText(params['client_id']))
      if (grant !== 'authorization_code' && grant !== 'refresh_token') return oauthError('invalid_request', 'Invalid grant_type parameter or parameter missing')
      if (app === undefined) return oauthError('WRONG_CLIENT', 'Application not found')
      if (params['client_secret'] !== app.config.client_secret) return oauthError('invalid_client', 'The client credentials are invalid')
      if (!app.installed) return oauthError('NOT_INSTALLED', 'Application is not installed')
      return exchange(app, grant, asText(params[grant === 'authorization_code' ? 'code' : 'refresh_token']))
    },
    holder: (accessToken) => {
      const grant = grants.access.get(accessToken)
      return grant === undefined ? undefined : grant.until > now() ? grant : 'expired'
    },
    revoke: (clientId) => {
      for (const kind of Object.values(grants)) for (const [secret, grant] of kind) if (grant.clientId === clientId) kind.delete(secret)
    },
    dump: () => Object.fromEntries(Object.entries(grants).map(([kind, map]) => [kind, Object.fromEntries(map)])),
    load: (state) => {
      for (const kind of ['code', 'access', 'refresh'] as const) for (const [secret, grant] of Object.entries((state as Record<Kind, Record<string, Grant>>)[kind])) grants[kind].set(secret, grant)
    }
  }
}

export const scopeOf = (app: App): string[] => app.config.scope ?? ['crm', 'user']

/** A refusal of the authorization server: `WRONG_CLIENT` comes with HTTP 200; the other statuses are unverified. */
export function oauthError (error: string, description: string): OAuthAnswer {
  const status = error === 'WRONG_CLIENT' ? 200 : error === 'invalid_client' ? 401 : error === 'PAYMENT_REQUIRED' ? 403 : 400
  return { status, body: { error, error_description: description } }
}

// `domain` is the authorization server here, not the portal.
function grantBody (settings: PortalSettings, app: App, tokens: Tokens): Record<string, unknown> {
  return {
    access_token: tokens.access_token, client_endpoint: `https://${settings.domain}/rest/`, domain: settings.auth_server, expires_in: ACCESS_MS / 1000,
    member_id: settings.member_id, refresh_token: tokens.refresh_token, scope: scopeOf(app).join(','), server_endpoint: `https://${settings.auth_server}/rest/`, status: 'L'
  }
}
