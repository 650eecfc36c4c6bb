import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { DONE, distinct } from '../../domain/signal/ordering.ts'
import type { Asked, Choice, DealPlace, Ordered, Orders } from '../../domain/signal/ordering.ts'
import { messageOf } from '../../platform/logger.ts'
import type { Logger } from '../../platform/logger.ts'
import { BODIES, readBody } from '../body.ts'
import { cursor, encodeCursor, readFilters } from '../filters.ts'
import { badRequest } from '../problem.ts'
import type { RouteContext } from './context.ts'

/** The largest body of an order: an edit of 64 KB with every character escaped once, or a thousand deals. */
export const LARGEST_ORDER_BYTES = 128 * 1024

const place = cursor('text', 'text')

/** `POST /v1/parked/…`: operators' orders about parked deals. An answer of 202 says that they are in the log for good; their ends come later. */
export function parkedRoutes (app: FastifyInstance, { callerOf, orders, logger }: RouteContext & { readonly orders: Orders, readonly logger: Logger }): void {
  const limit = { bodyLimit: LARGEST_ORDER_BYTES }

  app.post('/v1/parked/release', limit, async (request, reply) => {
    const { dry_run: dryRun, deals, portal, reason, cursor: mark } = readBody(BODIES.release, request.body)
    const after = mark === undefined ? undefined : place(mark, 'cursor') as unknown as DealPlace
    const choice: Choice = deals === undefined ? { by: 'filter', portal, reason, after } : { by: 'name', deals: distinct(deals) }
    return await carryOut({ order: 'release', choice }, { request, reply, dryRun })
  })

  for (const order of ['skip', 'hold'] as const) {
    app.post(`/v1/parked/${order}`, limit, async (request, reply) => {
      const { deals, dry_run: dryRun } = readBody(BODIES.named, request.body)
      return await carryOut({ order, choice: { by: 'name', deals: distinct(deals) } }, { request, reply, dryRun })
    })
  }

  app.post('/v1/parked/edit', limit, async (request, reply) => {
    const { portal, deal_id: dealId, set: fields, dry_run: dryRun } = readBody(BODIES.edit, request.body)
    const mistakes = orders.mistakesOf(portal, fields)
    if (mistakes.length > 0) throw badRequest(`The fields cannot be edited so: ${mistakes.join('; ')}.`)
    return await carryOut({ order: 'edit', deal: { portal, dealId }, fields }, { request, reply, dryRun })
  })

  async function carryOut (asked: Asked, { request, reply, dryRun }: { readonly request: FastifyRequest, readonly reply: FastifyReply, readonly dryRun: boolean }): Promise<FastifyReply> {
    readFilters({}, request.query)
    const done = dryRun ? await orders.carryOut(asked, { dryRun }) : await audited(asked, callerOf(request).name)
    const { left, held, next } = done
    return await reply.code(dryRun ? 200 : 202).header('cache-control', 'no-store').send({
      [dryRun ? 'would' : DONE[asked.order]]: done.deals, left,
      ...held === 0 ? {} : { held_left: held },
      ...next === null ? {} : { more: true, cursor: encodeCursor(next) }
    })
  }

  /** Who ordered what for how many deals stands in the log of the process, also when it failed. */
  async function audited (asked: Asked, caller: string): Promise<Ordered> {
    const filter = asked.order !== 'edit' && asked.choice.by === 'filter' ? { portal: asked.choice.portal, reason: asked.choice.reason } : {}
    const what = { caller, action: asked.order, ...filter }
    try {
      const done = await orders.carryOut(asked, { dryRun: false })
      logger.log('info', 'operator_order', { ...what, count: done.deals })
      return done
    } catch (error) {
      logger.log('warning', 'operator_order_failed', { ...what, error: messageOf(error) })
      throw error
    }
  }
}
