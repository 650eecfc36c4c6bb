import type { ServerResponse } from 'node:http'
import type { PortalSettings } from './config.ts'
import type { Faults } from './faults.ts'
import type { Params } from './params.ts'
import type { Journal } from './journal.ts'
import { oauthError } from './oauth.ts'
import type { OAuth, OAuthAnswer } from './oauth.ts'

export interface OAuthRouteDeps { readonly settings: PortalSettings, readonly oauth: OAuth, readonly faults: Faults, readonly journal: Journal }

/** Answers `/oauth/authorize/` and `/oauth/token/`; the record knows them as `oauth.authorize` and `oauth.token`. */
export function answerOAuth ({ settings, oauth, faults, journal }: OAuthRouteDeps, { id, path, params, response }: { id: string, path: string, params: Params, response: ServerResponse }): void {
  const method = path.includes('token') ? 'oauth.token' : 'oauth.authorize'
  journal.write(settings.name, { kind: 'received', request: id, method })
  const fault = faults.strike('oauth', { methods: [method], text: JSON.stringify(params) })
  const answer = fault !== undefined && fault.mode !== 'lost' ? refusals[fault.mode] ?? oauthError('invalid_request', 'Invalid request') : method === 'oauth.token' ? oauth.token(params) : oauth.authorize(params)
  if (fault?.mode === 'lost') {
    // The pair was changed and nobody hears of the new one.
    journal.write(settings.name, { kind: 'cut', request: id, method })
    response.destroy()
    return
  }
  const error = (answer.body as { error?: string } | undefined)?.error
  journal.write(settings.name, { kind: 'answered', request: id, method, status: answer.status, ...(error === undefined ? {} : { error }) })
  if (answer.location !== undefined) { response.writeHead(answer.status, { location: answer.location }).end(); return }
  const text = typeof answer.body === 'string'
  response.writeHead(answer.status, { 'content-type': text ? 'text/html' : 'application/json' }).end(text ? answer.body : JSON.stringify(answer.body))
}

const refusals: Record<string, OAuthAnswer> = {
  invalid_grant: oauthError('invalid_grant', 'Invalid grant'),
  invalid_client: oauthError('invalid_client', 'The client credentials are invalid'),
  wrong_client: oauthError('WRONG_CLIENT', 'Application not found'),
  payment_required: oauthError('PAYMENT_REQUIRED', 'Payment required'),
  not_installed: oauthError('NOT_INSTALLED', 'Application is not installed'),
  500: { status: 500, body: { error: 'INTERNAL_SERVER_ERROR', error_description: 'Internal server error' } }
}
