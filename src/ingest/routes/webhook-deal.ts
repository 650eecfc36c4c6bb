import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { now } from '../../platform/clock.ts'
import type { Taken } from '../intake.ts'
import { waitForLanding } from '../links.ts'
import { NOBODY, readSender, translateEvent } from '../translate.ts'
import { answer, bodyOf, keyOf, refuse } from './answer.ts'
import type { Desk } from './answer.ts'

const LONGEST_WAIT_SECONDS = 55

/** `POST /webhook/deal`: a program with an ingest key, JSON or form; the portal is the one whose domain the body names. */
export function registerDealRoute (app: FastifyInstance, desk: Desk): void {
  app.post('/webhook/deal', (request, reply) => receive(desk, request, reply))
}

async function receive (desk: Desk, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const receivedAt = now()
  const body = bodyOf(request)
  const sender = body === null ? null : readSender(body)
  desk.telemetry.received(sender?.domain ?? null)
  // Judged even when the body is malformed, and whole even when the key is wrong: the time must not say which it was.
  const verdict = await desk.callers.judgeKey(keyOf(request), sender ?? NOBODY)
  if (!verdict.isGood && verdict.doubt === 'key') return refuse(desk, request, reply, { type: 'authentication', reason: 'key' })
  if (body === null || sender === null) return refuse(desk, request, reply, { type: 'validation', detail: 'the body is not an object of the documented shape' })
  if (sender.domain === null) return refuse(desk, request, reply, { type: 'validation', detail: 'auth.domain is missing' })
  if (!verdict.isGood) return refuse(desk, request, reply, { type: 'authentication', reason: verdict.doubt })
  const said = translateEvent(body, sender)
  if (said.status === 'malformed') return refuse(desk, request, reply, { type: 'validation', detail: said.reason })
  if (said.status === 'skipped') return answer(desk, reply, { status: 'skipped', dealId: said.dealId, targetDealId: null, receivedAt })

  const portal = verdict.portal.name
  const { dealId } = said.hint
  const waitMs = waitOf(request)
  // Asked while the log works, so the link costs no time of its own.
  const link = waitMs > 0 ? null : desk.askLinks(() => desk.links.findLink(portal, dealId))
  const taken = await desk.intake({ portal, channel: 'webhook', hint: said.hint, receivedAt })
  if (taken.status === 'unavailable') return refuse(desk, request, reply, { type: 'unavailable', detail: 'the log is away; send it again' })
  desk.logger.log('info', 'webhook_accepted', { portal, source_deal_id: dealId, status: taken.status, duration_ms: Math.round(reply.elapsedTime) }, taken.correlationId)
  const targetDealId = await (link ?? landing(desk, reply, { portal, dealId, taken, waitMs }))
  return answer(desk, reply, { status: taken.status, dealId, targetDealId, receivedAt })
}

function landing (desk: Desk, reply: FastifyReply, of: { portal: string, dealId: string, taken: Taken, waitMs: number }): Promise<string | null> {
  const { portal, dealId, taken } = of
  // What no route wants never lands.
  if (!('offset' in taken) || taken.status === 'skipped') return desk.askLinks(() => desk.links.findLink(portal, dealId))
  // Nobody is waited for any more when the caller hung up or the process stops.
  const isOver = (): boolean => desk.isStopping() || reply.raw.destroyed
  return waitForLanding({ links: desk.links, ask: desk.askLinks, portal, dealId, offset: taken.offset, waitMs: of.waitMs, isOver })
}

/** `Prefer: wait=N` (RFC 7240); more than 55 s is taken for 55 s, anything else is no wish at all. */
function waitOf (request: FastifyRequest): number {
  const prefer = request.headers['prefer']
  if (typeof prefer !== 'string') return 0
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?(?:$|[,;\s])/i.exec(prefer.slice(0, 200))?.[1]
  return Math.min(Number(seconds ?? 0), LONGEST_WAIT_SECONDS) * 1000
}
