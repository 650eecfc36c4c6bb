import type { FastifyInstance } from 'fastify'
import { pageAttention } from '../../projections/attention/read.ts'
import type { AttentionFilter, AttentionMark, AttentionView } from '../../projections/attention/read.ts'
import { pageFunnel } from '../../projections/funnel/read.ts'
import type { FunnelMark, FunnelView } from '../../projections/funnel/read.ts'
import { pagePortalHours } from '../../projections/portal-hour/read.ts'
import type { PortalHourView } from '../../projections/portal-hour/read.ts'
import { scoped } from '../access.ts'
import { cursor, instant, limit, oneOf, portalName, readFilters } from '../filters.ts'
import { sendList } from '../list.ts'
import type { Walk } from '../list.ts'
import { DEFAULT_LIMIT } from './context.ts'
import type { RouteContext } from './context.ts'

export const ATTENTION_COLUMNS = ['portal', 'deal_id', 'target_deal_id', 'state', 'title', 'stage', 'reason', 'explanation', 'what_to_do', 'since', 'next_try_at', 'attempts'] as const
export const FUNNEL_COLUMNS = ['portal', 'stage', 'currency', 'deals', 'opportunity'] as const
export const HOUR_COLUMNS = ['portal', 'hour', 'signals', 'landed', 'skipped', 'parked', 'deferred', 'unknown', 'p50_seconds', 'p95_seconds', 'p99_seconds'] as const

export const ATTENTION_FILTERS = { portal: portalName, state: oneOf(['parked', 'deferred', 'unknown']), cursor: cursor('text', 'number'), limit }
export const FUNNEL_FILTERS = { portal: portalName, cursor: cursor('text', 'text', 'text'), limit }
export const HOUR_FILTERS = { from: instant, to: instant, cursor: cursor('instant'), limit }

/** `/v1/summary`, `/v1/attention`, `/v1/funnel` and `/v1/portals/{name}/hours`. */
export function overviewRoutes (app: FastifyInstance, { pool, callerOf, summary }: RouteContext): void {
  app.get('/v1/summary', async (request, reply) => {
    readFilters({}, request.query)
    void reply.header('cache-control', 'no-store')
    return await summary(callerOf(request).portal)
  })

  app.get('/v1/attention', async (request, reply) => {
    const filters = readFilters(ATTENTION_FILTERS, request.query)
    const filter: AttentionFilter = { ...filters, portal: scoped(callerOf(request), filters.portal) }
    const walk: Walk<AttentionView> = {
      page: (mark, size) => pageAttention(pool, filter, { mark: mark as AttentionMark | null, limit: size }),
      markOf: row => [row.portal, String(row.deal_id ?? 0)]
    }
    return await sendList(request, reply, { columns: ATTENTION_COLUMNS, walk, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })

  app.get('/v1/funnel', async (request, reply) => {
    const filters = readFilters(FUNNEL_FILTERS, request.query)
    const portal = scoped(callerOf(request), filters.portal) ?? null
    const walk: Walk<FunnelView> = {
      page: (mark, size) => pageFunnel(pool, portal, { mark: mark as FunnelMark | null, limit: size }),
      markOf: row => [row.portal, row.stage, row.currency]
    }
    return await sendList(request, reply, { columns: FUNNEL_COLUMNS, walk, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })

  app.get('/v1/portals/:name/hours', async (request, reply) => {
    const filters = readFilters(HOUR_FILTERS, request.query)
    const asked = portalName((request.params as { name: string }).name, 'name')
    const portal = scoped(callerOf(request), asked) ?? asked
    const walk: Walk<PortalHourView> = {
      page: (mark, size) => pagePortalHours(pool, { ...filters, portal }, { mark: mark as readonly [string] | null, limit: size }),
      markOf: row => [row.hour.toISOString()]
    }
    return await sendList(request, reply, { columns: HOUR_COLUMNS, walk, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })
}
