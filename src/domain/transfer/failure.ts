/**
 * What a portal's "no" means for a deal.
 *
 * transient: try again with back-off. throttled: wait as told, no attempt is burnt. permanent: a person must look.
 * portal: the whole portal refuses, its lane stops and nothing is burnt. missing: the record is not there.
 * unknown: a write may have had its effect. unsent: surely nothing left this machine.
 */
export type FailureClass = 'transient' | 'throttled' | 'permanent' | 'portal' | 'missing' | 'unknown' | 'unsent'

/** A failure with the portal's code (or ours, in lower case) and plain words for a person. */
export interface Failure { readonly class: FailureClass, readonly code: string, readonly detail: string, readonly waitMs?: number }

/** The target was asked before a write and did not say. */
export const UNANSWERED: Failure = { class: 'transient', code: 'look_up_failed', detail: 'The target did not answer the look-up.' }

const PORTAL_CODES = new Set(['EXPIRED_TOKEN', 'INVALID_TOKEN', 'NO_AUTH_FOUND', 'INVALID_CREDENTIALS', 'INSUFFICIENT_SCOPE', 'USER_ACCESS_ERROR',
  'ALLOWED_ONLY_INTRANET_USER', 'WRONG_AUTH_TYPE', 'ACCESS_ERROR', 'METHOD_CONFIRM_DENIED', 'METHOD_CONFIRM_WAITING', 'ERROR_OAUTH', 'APPLICATION_NOT_FOUND',
  'AUTHORIZATION_ERROR', 'PAYMENT_REQUIRED', 'PORTAL_DELETED', 'INVALID_REQUEST', 'ERROR_METHOD_NOT_FOUND', 'OVERLOAD_LIMIT'])
const TRANSIENT_CODES = new Set(['INTERNAL_SERVER_ERROR', 'ERROR_UNEXPECTED_ANSWER'])
// A code and a description are a portal's words: both end up in the log, which refuses large records for good.
const CODE_CHARS = 100
const DETAIL_CHARS = 300

/**
 * Classifies an error answer by its code first, its status second (vendor page: errors).
 * `status` is null for a command inside a batch, which has none. An unknown 4xx is permanent, an unknown 5xx transient.
 */
export function classifyError (status: number | null, told: string, description: string): Failure {
  const code = told.slice(0, CODE_CHARS)
  const upper = code.toUpperCase()
  const detail = `${code === '' ? `HTTP ${status ?? 'error'}` : code}: ${plain(description)}`
  const as = (kind: FailureClass): Failure => ({ class: kind, code: code === '' ? `http_${status ?? 'error'}` : code, detail })
  if (upper === 'QUERY_LIMIT_EXCEEDED' || upper === 'OPERATION_TIME_LIMIT' || status === 429) return as('throttled')
  if (PORTAL_CODES.has(upper)) return as('portal')
  if (upper === 'ACCESS_DENIED') return as(status === 403 || status === 401 ? 'portal' : 'permanent')
  if (upper === 'NOT_FOUND' || (upper === '' && /not found/i.test(description))) return as('missing')
  if (TRANSIENT_CODES.has(upper) || (status !== null && status >= 500)) return as('transient')
  if (status === 401 || status === 403 || status === 410 || (status !== null && status >= 300 && status < 400)) return as('portal')
  return as('permanent')
}

// Cut before the tags are taken out: the pattern takes the square of the time on a text of many "<".
function plain (description: string): string {
  return description.slice(0, 10 * DETAIL_CHARS).replace(/<[^>]*>/g, ' ').slice(0, DETAIL_CHARS)
}
