import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { now } from '../../platform/clock.ts'
import { parseForm } from '../form.ts'
import type { Fields } from '../fields.ts'
import { NOBODY, readSender, translateEvent, translateRobot } from '../translate.ts'
import type { Translated } from '../translate.ts'
import { answer, bodyOf, refuse } from './answer.ts'
import type { Desk } from './answer.ts'

type Door = 'event' | 'robot'

/**
 * The two addresses that a portal itself calls: it cannot send headers, so the secret in the path is the credential,
 * with `auth[application_token]` where tokens are configured. A portal ignores the answer and never sends again.
 */
export function registerPortalRoutes (app: FastifyInstance, desk: Desk): void {
  app.post('/webhook/bitrix24/:secret', (request, reply) => receive(desk, request, reply, 'event'))
  app.route({ method: ['GET', 'POST'], url: '/webhook/bitrix24/:secret/robot', handler: (request, reply) => receive(desk, request, reply, 'robot') })
}

/** The secret in the path of a request to one of these routes, else null. */
export function secretOf (request: FastifyRequest): string | null {
  const params = request.params as { secret?: string } | null
  return params?.secret ?? null
}

// eslint-disable-next-line max-params -- the two of the framework, and which door they came in by
async function receive (desk: Desk, request: FastifyRequest, reply: FastifyReply, door: Door): Promise<FastifyReply> {
  const receivedAt = now()
  const query = door === 'robot' ? queryOf(request) : NOTHING
  // A robot may put everything into the query of its address, and send no body at all.
  const body = door === 'robot' && request.body === undefined ? query : bodyOf(request)
  const sender = body === null ? null : readSender(body)
  desk.telemetry.received(sender?.domain ?? null)
  // Judged even when the body is malformed: a stranger learns nothing about bodies.
  const verdict = await desk.callers.judgeSecret(secretOf(request) ?? '', sender ?? NOBODY, sender === null ? 'robot' : door)
  if (!verdict.isGood) return refuse(desk, request, reply, { type: 'authentication', reason: verdict.doubt })
  if (body === null || query === null || sender === null) return refuse(desk, request, reply, { type: 'validation', detail: 'the body is not a form of the documented shape' })
  const said = door === 'robot' ? translateRobot(body, query, sender) : translateEvent(body, sender)
  if (said.status === 'malformed') return refuse(desk, request, reply, { type: 'validation', detail: said.reason })
  return await take(desk, request, reply, { portal: verdict.portal.name, door, said, receivedAt })
}

interface Found { readonly portal: string, readonly door: Door, readonly said: Exclude<Translated, { status: 'malformed' }>, readonly receivedAt: number }

// eslint-disable-next-line max-params -- as above
async function take (desk: Desk, request: FastifyRequest, reply: FastifyReply, found: Found): Promise<FastifyReply> {
  const { portal, door, said, receivedAt } = found
  if (said.status === 'skipped') return answer(desk, reply, { status: 'skipped', dealId: said.dealId, targetDealId: null, receivedAt })
  const taken = await desk.intake({ portal, channel: door === 'robot' ? 'robot' : 'webhook', hint: said.hint, receivedAt })
  if (taken.status === 'unavailable') return refuse(desk, request, reply, { type: 'unavailable', detail: 'the log is away' })
  desk.logger.log('info', 'webhook_accepted', { portal, source_deal_id: said.hint.dealId, status: taken.status, duration_ms: Math.round(reply.elapsedTime) }, taken.correlationId)
  return answer(desk, reply, { status: taken.status, dealId: said.hint.dealId, targetDealId: null, receivedAt })
}

const NOTHING: Fields = {}

function queryOf (request: FastifyRequest): Fields | null {
  const at = request.url.indexOf('?')
  return at === -1 ? NOTHING : parseForm(request.url.slice(at + 1))
}
