const CREDENTIAL = 'Check rest_url of this portal in the config: the webhook was deleted, or belongs to somebody who may no longer use it.'
const RIGHTS = 'Give the incoming webhook the scope crm, and its author the right to read and change deals.'
const PLAN = 'The portal\'s plan does not allow REST any more: its owner must renew it.'

/** What a person can do about a portal that refuses everything, by its code (vendor page: errors). */
const REMEDIES: Readonly<Record<string, string>> = {
  NO_AUTH_FOUND: CREDENTIAL, INVALID_CREDENTIALS: CREDENTIAL, INVALID_TOKEN: CREDENTIAL, EXPIRED_TOKEN: CREDENTIAL, APPLICATION_NOT_FOUND: CREDENTIAL, WRONG_AUTH_TYPE: CREDENTIAL, ERROR_OAUTH: CREDENTIAL,
  INSUFFICIENT_SCOPE: RIGHTS, USER_ACCESS_ERROR: RIGHTS, ALLOWED_ONLY_INTRANET_USER: RIGHTS, ACCESS_ERROR: RIGHTS, AUTHORIZATION_ERROR: RIGHTS, METHOD_CONFIRM_DENIED: RIGHTS, METHOD_CONFIRM_WAITING: RIGHTS,
  ERROR_METHOD_NOT_FOUND: RIGHTS, ACCESS_DENIED: PLAN, PAYMENT_REQUIRED: PLAN,
  OVERLOAD_LIMIT: 'Bitrix24 has blocked the portal for overload: only its support lifts that.',
  PORTAL_DELETED: 'The portal was deleted: take it out of the config.',
  INVALID_REQUEST: 'Check rest_url of this portal in the config: it must begin with https://.'
}

export function remedyOf (code: string): string {
  return REMEDIES[code.toUpperCase()] ?? 'Check rest_url of this portal in the config: the portal may have been renamed or moved.'
}
