import type { FastifyInstance } from 'fastify'
import { TRANSFER_OUTCOMES, pageTransfers } from '../../projections/transfer/read.ts'
import type { TransferFilter, TransferMark, TransferView } from '../../projections/transfer/read.ts'
import { scoped } from '../access.ts'
import { cursor, dealId, instant, limit, oneOf, portalName, readFilters } from '../filters.ts'
import { sendList } from '../list.ts'
import type { Walk } from '../list.ts'
import { DEFAULT_LIMIT } from './context.ts'
import type { RouteContext } from './context.ts'

export const TRANSFER_COLUMNS = ['portal', 'deal_id', 'target_deal_id', 'occurred_at', 'outcome', 'action', 'target', 'attempt_no', 'reason',
  'detail', 'stage', 'title', 'signalled_at', 'seconds_to_land', 'tries', 'duration_ms', 'mapping_version', 'correlation_id'] as const

export const TRANSFER_FILTERS = {
  portal: portalName, deal_id: dealId, outcome: oneOf(TRANSFER_OUTCOMES), from: instant, to: instant,
  cursor: cursor('instant', 'text', 'number', 'number'), limit
}

/** `/v1/transfers`: outcomes, newest first. */
export function transferRoutes (app: FastifyInstance, { pool, callerOf }: RouteContext): void {
  app.get('/v1/transfers', async (request, reply) => {
    const filters = readFilters(TRANSFER_FILTERS, request.query)
    const filter: TransferFilter = { ...filters, dealId: filters.deal_id, portal: scoped(callerOf(request), filters.portal) }
    const walk: Walk<TransferView> = {
      page: (mark, size) => pageTransfers(pool, filter, { mark: mark as TransferMark | null, limit: size }),
      markOf: row => [row.occurred_at.toISOString(), row.portal, String(row.deal_id ?? 0), row.log_offset.toString()]
    }
    return await sendList(request, reply, { columns: TRANSFER_COLUMNS, decimals: ['seconds_to_land'], walk, mark: filters.cursor ?? null, limit: filters.limit ?? DEFAULT_LIMIT })
  })
}
