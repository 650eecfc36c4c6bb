/** A refusal as a portal words it: `code` may be empty (old family), `status` is the HTTP status outside a batch. */
export class RestError extends Error {
  readonly code: string
  readonly status: number

  constructor (code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

export const notFound = (): RestError => new RestError('NOT_FOUND', 'Item not found')
export const oldNotFound = (): RestError => new RestError('', 'Not found')
export const missing = (name: string): RestError => new RestError('100', `Could not find value for parameter {${name}}`)
export const methodBlocked = (): RestError => new RestError('OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.', 429)
