import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isDealId } from '../../domain/shared/ids.ts'
import { now } from '../../platform/clock.ts'
import { WRONG, isFields, scalar } from '../fields.ts'
import type { Fields } from '../fields.ts'
import { bodyOf, keyOf, refuse } from './answer.ts'
import type { Desk } from './answer.ts'

/** One item's result. `accepted`: the wish is in the log for good; a `correlation_id` follows it through everything. */
type Result = { readonly status: 'accepted' | 'skipped' | 'unavailable', readonly portal: string, readonly deal_id: string, readonly correlation_id: string }
  | { readonly status: 'invalid', readonly reason: string }

const MOST_ITEMS = 50

/** `POST /v1/transfers` and `/v1/transfers/batch`: somebody with an ingest key asks that deals are looked at. */
export function registerTransferRoutes (app: FastifyInstance, desk: Desk & { isPortal (name: string): boolean }): void {
  app.post('/v1/transfers', async (request, reply) => {
    const body = checked(desk, request, reply)
    if (body === null) return reply
    const result = await ask(desk, body)
    if (result.status === 'invalid') return refuse(desk, request, reply, { type: 'validation', detail: result.reason })
    if (result.status === 'unavailable') return refuse(desk, request, reply, { type: 'unavailable', detail: 'the log is away; send it again' })
    return reply.code(202).send(result)
  })
  app.post('/v1/transfers/batch', async (request, reply) => {
    const body = checked(desk, request, reply)
    if (body === null) return reply
    const items: unknown = Object.hasOwn(body, 'items') ? body['items'] : null
    if (!Array.isArray(items) || items.length < 1 || items.length > MOST_ITEMS) return refuse(desk, request, reply, { type: 'validation', detail: 'items is not a list of 1 to 50' })
    const results = await Promise.all(items.map((item: unknown) => ask(desk, isFields(item) ? item : {})))
    return reply.code(202).send({ items: results })
  })
}

/** The body of an authorised call; null when the call has been answered already. */
function checked (desk: Desk, request: FastifyRequest, reply: FastifyReply): Fields | null {
  const body = bodyOf(request)
  if (!desk.callers.hasKey(keyOf(request))) refuse(desk, request, reply, { type: 'authentication', reason: 'key' })
  else if (body === null) refuse(desk, request, reply, { type: 'validation', detail: 'the body is not a JSON object' })
  else return body
  return null
}

async function ask (desk: Desk & { isPortal (name: string): boolean }, item: Fields): Promise<Result> {
  const portal = scalar(item, 'portal', 41)
  const dealId = scalar(item, 'deal_id', 19)
  if (portal === null || portal === WRONG || !desk.isPortal(portal)) return invalid('portal is not the name of a configured portal')
  if (dealId === null || dealId === WRONG || !isDealId(dealId)) return invalid('deal_id is not the id of a deal')
  const hint = { kind: 'unknown', event: '', dealId, ts: '', payload: '{}' } as const
  const taken = await desk.intake({ portal, channel: 'api', hint, receivedAt: now() })
  const status = taken.status === 'success' || taken.status === 'duplicate' ? 'accepted' : taken.status
  return { status, portal, deal_id: dealId, correlation_id: taken.correlationId }
}

function invalid (reason: string): Result {
  return { status: 'invalid', reason }
}
