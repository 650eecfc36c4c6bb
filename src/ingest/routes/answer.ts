import type { FastifyReply, FastifyRequest } from 'fastify'
import { failpoint } from '../../platform/failpoint.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Callers } from '../callers.ts'
import type { Ask } from '../deadline.ts'
import type { Fields } from '../fields.ts'
import type { Intake } from '../intake.ts'
import type { LinkReader } from '../links.ts'
import type { ErrorType, Status, Telemetry } from '../telemetry.ts'

/** What the routes share; put together once by the server. */
export interface Desk {
  readonly intake: Intake
  readonly callers: Callers
  readonly links: LinkReader
  readonly askLinks: Ask
  readonly telemetry: Telemetry
  readonly logger: Logger
  isStopping (): boolean
}

const PROBLEMS = {
  validation: { status: 400, title: 'Bad Request' },
  authentication: { status: 401, title: 'Unauthorized' },
  too_large: { status: 413, title: 'Content Too Large' },
  media_type: { status: 415, title: 'Unsupported Media Type' },
  unavailable: { status: 503, title: 'Service Unavailable' },
  internal: { status: 500, title: 'Internal Server Error' }
} as const satisfies Record<ErrorType, { status: number, title: string }>

/** The body of a parsed request, null when it was malformed or missing: the content type parsers give no other. */
export function bodyOf (request: FastifyRequest): Fields | null {
  return (request.body ?? null) as Fields | null
}

/** The ingest key of a request; empty when there is none, which is checked like any other wrong one. */
export function keyOf (request: FastifyRequest): string {
  const key = request.headers['x-api-key']
  return typeof key === 'string' ? key : ''
}

/** The answer of contract 4: exactly these four members. Ids are JSON numbers while a number can hold them. */
export function answer (desk: Desk, reply: FastifyReply, said: { status: Status, dealId: string | null, targetDealId: string | null, receivedAt: number }): FastifyReply {
  desk.telemetry.processed(said.status, reply.elapsedTime)
  void reply.header('content-type', 'application/json; charset=utf-8')
  void reply.send(`{"status":"${said.status}","source_deal_id":${idText(said.dealId)},"target_deal_id":${idText(said.targetDealId)},"timestamp":"${new Date(said.receivedAt).toISOString()}"}`)
  failpoint('K4')
  return reply
}

/**
 * A problem document (RFC 9457), a counter and one log line with ids but without a body.
 * Every kind of wrong credential gets the very same bytes; `reason` goes to the log alone.
 */
// eslint-disable-next-line max-params -- the two of the framework and what to say
export function refuse (desk: Desk, request: FastifyRequest, reply: FastifyReply, problem: { type: ErrorType, detail?: string, reason?: string }): FastifyReply {
  const { status, title } = PROBLEMS[problem.type]
  desk.telemetry.failed(problem.type)
  desk.logger.log('warning', 'webhook_refused', {
    error_type: problem.type,
    http_status: status,
    address: request.ip,
    path: request.routeOptions.url ?? 'none',
    reason: problem.reason ?? problem.detail
  })
  void reply.code(status).header('content-type', 'application/problem+json; charset=utf-8')
  if (problem.type === 'unavailable') void reply.header('retry-after', '5')
  return reply.send(JSON.stringify({ type: 'about:blank', title, status, detail: problem.type === 'authentication' ? undefined : problem.detail }))
}

/** A deal id as it stands in JSON: a number when exact, else a text. */
export function idText (id: string | null): string {
  return id === null ? 'null' : Number.isSafeInteger(Number(id)) ? id : `"${id}"`
}
