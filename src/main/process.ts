import { createKafkaLog } from '../eventlog/kafka-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { startAdmin } from '../platform/admin.ts'
import type { Config } from '../platform/config.ts'
import { createLogger } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'

/** The processes of the service, in the order in which they start; `offset` is added to `admin.port_base` (contract 3). */
export const PROCESSES = {
  projector: { service: 'projector', offset: 3, appendsTo: undefined },
  dispatcher: { service: 'dispatcher', offset: 2, appendsTo: 'deal-transfers' },
  sweep: { service: 'sweep', offset: 1, appendsTo: 'deal-signals' },
  query: { service: 'query', offset: 4, appendsTo: undefined },
  ingest: { service: 'webhook_handler', offset: 0, appendsTo: 'deal-signals' }
} as const

export type ProcessName = keyof typeof PROCESSES

/** What every process is made of; closed in reverse after its room has stopped. */
export interface ProcessParts { readonly config: Config, readonly logger: Logger, readonly registry: Registry, readonly log: EventLog, readonly pool: Pool }

/** A room as a process sees it. */
export interface Room {
  start (): Promise<unknown>
  stop (): Promise<void>
  readiness (): readonly string[] | Promise<readonly string[]>
  readonly dead?: Promise<Error>
}

/** A process that runs. `missing` names what it waits for. */
export interface RunningProcess {
  readonly name: ProcessName
  missing (): Promise<readonly string[]>
  stop (): Promise<void>
  readonly dead: Promise<Error>
}

const LOG_CLOSE_MS = 5_000

/** Starts one process: parts, room, admin port. `compose` makes the room from the parts. */
export async function startProcess (name: ProcessName, config: Config, compose: (parts: ProcessParts) => { room: Room, close?: () => Promise<void> }): Promise<RunningProcess> {
  const { service, offset, appendsTo } = PROCESSES[name]
  const logger = createLogger(service, config.log_level)
  const registry = createRegistry()
  const pool = createPool(config.postgres.url, { name, logger })
  const log = await createKafkaLog({ kafka: { ...config.kafka, clientId: `dealbridge-${name}` }, registryUrl: config.registry.url, dataDir: config.data_dir, logger, registry, appendsTo })
  const { room, close } = compose({ config, logger, registry, log, pool })
  const admin = await startAdmin({ host: config.admin.host, port: config.admin.port_base + offset, registry, readiness: () => room.readiness() })
  await room.start()
  logger.log('info', 'process_started', { process: name })
  return {
    name,
    missing: async () => await room.readiness(),
    dead: room.dead ?? new Promise(() => undefined),
    async stop () {
      await room.stop()
      await log.close(LOG_CLOSE_MS)
      await close?.()
      await pool.end()
      await admin.stop()
      logger.log('info', 'process_stopped', { process: name })
    }
  }
}
