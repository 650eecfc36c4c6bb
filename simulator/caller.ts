import { RestError } from './rest-error.ts'

/** Whose request it is. `key` names the caller in the operating time, `connector` is its `auth_connector`. */
export interface Caller { readonly kind: 'webhook' | 'app', readonly key: string, readonly clientId: string, readonly userId: number, readonly scope: readonly string[], readonly connector: string }

/** Throws when a method that needs an app is called through an incoming webhook. */
export function needApp (caller: Caller): void {
  if (caller.kind !== 'app') throw new RestError('WRONG_AUTH_TYPE', 'Current authorization type is denied for this method', 403)
}

/** Throws when the caller's scopes do not hold the method. */
export function needScope (caller: Caller, method: string): void {
  const wanted = /^(crm|user)\./.exec(method)?.[1]
  if (wanted === undefined || caller.scope.some(scope => scope === wanted || scope.startsWith(`${wanted}_`))) return
  throw new RestError('insufficient_scope', 'The request requires higher privileges than provided by the access token', 403)
}
