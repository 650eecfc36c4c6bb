import Fastify from 'fastify'
import type { FastifyError, FastifyInstance } from 'fastify'
import type { Orders } from '../domain/signal/ordering.ts'
import { AppError } from '../platform/errors.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { Histogram } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import type { Pool } from '../platform/postgres.ts'
import { ROLES, createAccess } from './access.ts'
import type { Caller, QueryKey } from './access.ts'
import { Problem, notFound, sendProblem } from './problem.ts'
import { dealRoutes } from './routes/deals.ts'
import { eventRoutes } from './routes/events.ts'
import { overviewRoutes } from './routes/overview.ts'
import { pageRoutes } from './routes/page.ts'
import { LARGEST_ORDER_BYTES, parkedRoutes } from './routes/parked.ts'
import { transferRoutes } from './routes/transfers.ts'
import { createSummary } from './summary.ts'
import type { LagReader } from './summary.ts'

/** `orders` is handed in, since this room does not know the log. */
export interface QueryDeps { readonly pool: Pool, readonly logger: Logger, readonly registry: Registry, readonly orders: Orders, readonly lag?: LagReader }

/** The `query` part of the config, and the names of the source portals, which show in the summary before their first signal. */
export interface QueryOptions { readonly host: string, readonly port: number, readonly api_keys: readonly QueryKey[], readonly portals: readonly string[] }

export interface Query {
  /** Listens; rejects when the port is taken. A second call changes nothing. */
  start (): Promise<void>
  /** Ends streams, finishes answers, lets go of the port. */
  stop (): Promise<void>
  readonly readiness: () => Promise<readonly string[]>
  /** Where it listens, such as `http://127.0.0.1:8010`; null before the start. */
  address (): string | null
}

/** The read models over HTTP (contract 5), and operators' orders. Reads PostgreSQL and nothing else; without it, answers are 503. */
export function createQuery (deps: QueryDeps, options: QueryOptions): Query {
  const app = buildServer(deps, options)
  let listening: Promise<string> | undefined
  let at: string | null = null
  let isStopped = false
  return {
    address: () => at,
    async start () {
      if (isStopped) return
      listening ??= app.listen({ host: options.host, port: options.port })
      at = await listening.catch((error: unknown) => { listening = undefined; throw error })
    },
    async stop () {
      isStopped = true
      await listening?.catch(() => undefined)
      await app.close()
    },
    async readiness () {
      return await deps.pool.query('select 1 from read_v1.checkpoint limit 1').then(() => at === null ? ['http'] : [], () => ['postgres'])
    }
  }
}

/** Builds the server without listening; tests call its `inject`. Throws when a route has no row in the role table. */
export function buildServer ({ pool, logger, registry, orders, lag }: QueryDeps, options: QueryOptions): FastifyInstance {
  const app = Fastify({ logger: false, requestTimeout: 60_000, connectionTimeout: 120_000, bodyLimit: 1024, forceCloseConnections: true, exposeHeadRoutes: false, routerOptions: { maxParamLength: 100 } })
  app.removeContentTypeParser('text/plain')
  const access = createAccess(options.api_keys)
  const callers = new WeakMap<object, Caller>()
  const summary = createSummary({ pool, lag, portals: options.portals })
  const seconds = new Histogram({ name: 'dealbridge_query_seconds', help: 'Time of an answer', labelNames: ['path', 'status'], buckets: [0.005, 0.02, 0.1, 0.5, 2, 10], registers: [registry] })

  app.addHook('onRoute', (route) => {
    if (ROLES[route.url] === undefined) throw new Error(`the route ${route.url} has no row in the role table of src/query/access.ts`)
  })
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    const caller = access(request.routeOptions.url ?? '', request.headers)
    if (caller !== null) callers.set(request, caller)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    seconds.observe({ path: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }, reply.elapsedTime / 1000)
    done()
  })
  app.setNotFoundHandler(() => { throw notFound('There is no such address; /openapi.json lists them all.') })
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) logger.log('warning', 'query_failed', { path: request.routeOptions.url, http_status: problem.status, error: messageOf(error) })
    await sendProblem(reply, problem)
  })

  const context = {
    pool,
    summary,
    callerOf (request: object): Caller {
      const caller = callers.get(request)
      if (caller === undefined) throw new Error('a route without a caller asked for one')
      return caller
    }
  }
  pageRoutes(app)
  overviewRoutes(app, context)
  dealRoutes(app, context)
  transferRoutes(app, context)
  eventRoutes(app, context)
  parkedRoutes(app, { ...context, orders, logger })
  return app
}

function problemOf (error: FastifyError): Problem {
  if (error instanceof Problem) return error
  // The one thing that is retryable here: the log takes no orders.
  if (error instanceof AppError && (error.retryable || error.code === 'order_refused')) return error.retryable ? new Problem(503, 'Not available', sentence(error)) : new Problem(409, 'Conflict', sentence(error))
  const status = error.statusCode ?? 500
  if (status === 413) return new Problem(413, 'Content too large', `The body is larger than ${LARGEST_ORDER_BYTES / 1024} KB.`)
  if (status === 415) return new Problem(415, 'Unsupported media type', 'The body must be application/json, not compressed.')
  if (status >= 400 && status < 500) return new Problem(status, 'Bad request', 'The request could not be read.')
  // What else comes up here comes from PostgreSQL: classes 08, 53, 55 and 57 and lost connections pass by themselves.
  const isAway = /^(08|53|55|57)|^E[A-Z]+$/.test(error.code ?? '') || /timeout|terminated|Connection/i.test(error.message)
  if (isAway) return new Problem(503, 'Not available', 'The database does not answer right now; try again in a moment.')
  return new Problem(500, 'Failed', 'The answer could not be made; the log of this process says why.')
}

/** An error's message as a person reads it. */
function sentence ({ message }: Error): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}
