import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DEAL_STATES, exportDeals, findDeal, pageDeals } from '../../projections/deal/read.ts'
import type { DealFilter, DealIdMark, DealMark, DealView } from '../../projections/deal/read.ts'
import { pageTimeline } from '../../projections/deal-timeline/read.ts'
import type { TimelineMark, TimelineView } from '../../projections/deal-timeline/read.ts'
import { scoped } from '../access.ts'
import { cursor, dealId, instant, limit, oneOf, portalName, readFilters } from '../filters.ts'
import { sendList } from '../list.ts'
import type { List, Walk } from '../list.ts'
import { notFound } from '../problem.ts'
import { shape } from '../shape.ts'
import { DEFAULT_LIMIT } from './context.ts'
import type { RouteContext } from './context.ts'

/** The contract's columns first; what stands after `reason` may grow. */
export const DEAL_COLUMNS = ['portal', 'deal_id', 'target_deal_id', 'state', 'stage', 'title', 'last_signal_at', 'landed_at',
  'seconds_to_land', 'attempts', 'reason', 'detail', 'next_try_at', 'currency', 'opportunity', 'signals', 'open'] as const
const DECIMALS = ['seconds_to_land']
export const TIMELINE_COLUMNS = ['at', 'type', 'text', 'correlation_id', 'topic', 'log_offset'] as const

export const DEAL_FILTERS = {
  portal: portalName, state: oneOf(DEAL_STATES), from: instant, to: instant, cursor: cursor('instant', 'text', 'number'), limit
}

/** `/v1/deals`, one deal, and what happened to it. */
export function dealRoutes (app: FastifyInstance, { pool, callerOf }: RouteContext): void {
  app.get('/v1/deals', async (request, reply) => {
    const filters = readFilters(DEAL_FILTERS, request.query)
    const filter: DealFilter = { ...filters, portal: scoped(callerOf(request), filters.portal) }
    const list: List<DealView> = {
      columns: DEAL_COLUMNS,
      decimals: DECIMALS,
      walk: {
        page: (mark, size) => pageDeals(pool, filter, { mark: mark as DealMark | null, limit: size }),
        markOf: row => [row.last_signal_at.toISOString(), row.portal, String(row.deal_id ?? 0)]
      },
      exportWalk: {
        page: (mark, size) => exportDeals(pool, filter, { mark: mark as DealIdMark | null, limit: size }),
        markOf: row => [row.portal, String(row.deal_id ?? 0)]
      }
    }
    return await sendList(request, reply, { ...list, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })

  app.get('/v1/deals/:portal/:id', async (request) => {
    readFilters({}, request.query)
    return shape(await dealOf(request), DEAL_COLUMNS, DECIMALS)
  })

  app.get('/v1/deals/:portal/:id/timeline', async (request, reply) => {
    const filters = readFilters({ cursor: cursor('instant', 'text', 'number'), limit }, request.query)
    await dealOf(request)
    const deal = params(request)
    const walk: Walk<TimelineView> = {
      page: (mark, size) => pageTimeline(pool, deal, { mark: mark as TimelineMark | null, limit: size }),
      markOf: row => [row.at.toISOString(), row.topic, row.log_offset.toString()]
    }
    return await sendList(request, reply, { columns: TIMELINE_COLUMNS, walk, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })

  // A partner learns nothing about others: another's deal answers like one that does not exist.
  async function dealOf (request: FastifyRequest): Promise<DealView> {
    const { portal, dealId: id } = params(request)
    const caller = callerOf(request)
    const mayLook = caller.portal === null || caller.portal === portal
    const deal = mayLook ? await findDeal(pool, portal, id) : undefined
    if (deal === undefined) throw notFound(`There is no deal ${id} of the portal ${portal} here; it has not been signalled yet.`)
    return deal
  }
}

function params (request: FastifyRequest): { portal: string, dealId: string } {
  const { portal, id } = request.params as { portal: string, id: string }
  return { portal: portalName(portal, 'portal'), dealId: dealId(id, 'The last part of the address') }
}
