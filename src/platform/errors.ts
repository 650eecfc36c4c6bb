/** The closed list of what can go wrong outside the rules of the domain; docs/reference/errors.md explains each, and a test compares the two. */
export const ERROR_CODES = [
  'config_invalid', 'part_missing', 'part_failed', 'log_refused', 'log_closed', 'schema_incompatible', 'registry_away',
  'record_undecodable', 'epoch_seen', 'order_refused'
] as const

export type ErrorCode = typeof ERROR_CODES[number]

/** An error of ours: what was attempted, with ids and never with a secret; `retryable` is decided where it is thrown. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor (code: ErrorCode, message: string, options: { retryable?: boolean, cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.retryable = options.retryable ?? false
  }
}
