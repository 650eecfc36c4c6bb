import type { FastifyRequest } from 'fastify'
import type { Pool } from '../../platform/postgres.ts'
import type { Caller } from '../access.ts'
import type { Summary } from '../summary.ts'

/** What routes need. `callerOf` gives who asks; the server has checked key and role before a route runs. */
export interface RouteContext {
  readonly pool: Pool
  readonly summary: (portal: string | null) => Promise<Summary>
  readonly callerOf: (request: FastifyRequest) => Caller
}

export const DEFAULT_LIMIT = 50
