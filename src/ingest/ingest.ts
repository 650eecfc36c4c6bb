import type { FastifyInstance } from 'fastify'
import type { EventLog } from '../eventlog/port.ts'
import { monotonicMs } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Logger } from '../platform/logger.ts'
import type { Registry } from '../platform/metrics.ts'
import { createAccept } from './accept.ts'
import { createCallers } from './callers.ts'
import type { Claims } from './claims.ts'
import { createAsk } from './deadline.ts'
import { createDedup } from './dedup.ts'
import { createIntake } from './intake.ts'
import type { LinkReader } from './links.ts'
import { createPins } from './pins.ts'
import { buildServer } from './server.ts'
import type { Spool } from './spool/spool.ts'
import { createTelemetry } from './telemetry.ts'

/** `claims` null: every webhook is new. `spool` null: 503 while the log is away. */
export interface IngestDeps {
  readonly log: EventLog
  readonly claims: Claims | null
  readonly links: LinkReader
  readonly logger: Logger
  readonly registry: Registry
  readonly spool?: Spool | null
}

export type IngestOptions = Pick<Config, 'ingest' | 'portals' | 'routes' | 'allowed_domains' | 'data_dir'> & { readonly patienceMs?: number }

export interface Ingest {
  /** Listens; gives the port, which is of interest when the config says 0. A second call gives the same. */
  start (): Promise<{ readonly port: number }>
  /** Takes no new connection, finishes what is in hand, lets go of the port. For good: start again with a new one. */
  stop (): Promise<void>
  /** The names of what is missing; Redis and PostgreSQL never are, since ingest works without them. */
  readiness (): readonly string[]
}

/** Webhooks in, signals out. `app` is the server without its port, for tests. */
export function createIngest (deps: IngestDeps, options: IngestOptions): Ingest & { readonly app: FastifyInstance } {
  const { log, claims, links, logger, registry } = deps
  const { portals, routes } = options
  const spool = deps.spool ?? null
  const roles = new Map(portals.map(portal => [portal.name, portal.role]))
  const pins = createPins({ dataDir: options.data_dir, configured: portals.flatMap(p => p.member_id === undefined ? [] : [[p.name, p.member_id] as const]), logger })
  const accept = createAccept({ log, logger, spool, patienceMs: options.patienceMs ?? 3000 })
  const dedup = createDedup(claims, createAsk({ deadlineMs: 300, restMs: 1000, monotonicMs }))
  let phase: 'new' | 'listening' | 'stopping' = 'new'
  const app = buildServer({
    intake: createIntake({ accept, dedup, hasRoute: portal => routes.has(portal) && roles.get(portal) !== 'target' }),
    callers: createCallers(options, pins),
    links,
    askLinks: createAsk({ deadlineMs: 200, restMs: 1000, monotonicMs }),
    telemetry: createTelemetry({ registry, domains: portals.map(portal => portal.domain), claims }),
    logger,
    isPortal: name => roles.has(name),
    isStopping: () => phase === 'stopping'
  })
  let starting: Promise<{ port: number }> | undefined
  let stopping: Promise<void> | undefined
  async function listen (): Promise<{ port: number }> {
    if (phase === 'stopping') throw new Error('ingest was stopped; create a new one')
    await spool?.start()
    await app.listen({ host: options.ingest.host, port: options.ingest.port })
    if (phase === 'new') phase = 'listening'
    return { port: app.addresses().find(address => typeof address === 'object')?.port ?? options.ingest.port }
  }
  async function close (): Promise<void> {
    phase = 'stopping'
    await starting?.catch(() => {})
    await app.close()
    await spool?.stop()
  }
  return {
    app,
    start: () => starting ??= listen(),
    stop: () => stopping ??= close(),
    readiness: () => [...phase === 'listening' ? [] : ['listener'], ...log.isWritable() || spool?.hasRoom() === true ? [] : ['kafka']]
  }
}
