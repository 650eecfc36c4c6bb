import type { FastifyReply } from 'fastify'

/** An answer that is not the one asked for, as a problem document (RFC 9457); `detail` is a sentence for the caller. */
export class Problem extends Error {
  readonly status: number
  readonly title: string

  constructor (status: number, title: string, detail: string) {
    super(detail)
    this.status = status
    this.title = title
  }
}

export const badRequest = (detail: string): Problem => new Problem(400, 'Bad request', detail)
export const unauthorized = (): Problem => new Problem(401, 'No valid key', 'Send one of the keys of query.api_keys as X-API-Key or as Authorization: Bearer.')
export const forbidden = (): Problem => new Problem(403, 'Not allowed', 'The role of this key does not include this address.')
export const notFound = (what: string): Problem => new Problem(404, 'Not found', what)

/** Sends a problem document. */
export async function sendProblem (reply: FastifyReply, problem: Problem): Promise<void> {
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer')
  if (problem.status === 503) void reply.header('retry-after', '2')
  await reply.code(problem.status).type('application/problem+json')
    .send(Buffer.from(JSON.stringify({ type: 'about:blank', title: problem.title, status: problem.status, detail: problem.message })))
}
