import type { EventLog } from '../eventlog/port.ts'
import type { Config } from '../platform/config.ts'
import { createLogger } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { openOrderLog } from '../orders/log.ts'
import { createPool } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'

/** What a command has at hand: the read models, and what the log is opened with. */
export interface Parts { readonly config: Config, readonly logger: Logger, readonly pool: Pool }

const CLOSE_MS = 5_000

/** Opens the read models for one command. */
export async function withDatabase<T> (config: Config, work: (parts: Parts) => Promise<T>): Promise<T> {
  // A person reads the command's own sentences; the lines of its parts would only stand between them.
  const logger = createLogger('command', 'error')
  const pool = createPool(config.postgres.url, { name: 'command', logger, max: 2 })
  return await work({ config, logger, pool }).finally(() => pool.end())
}

/** Opens the log for as long as `work` takes. */
export async function withLog<T> ({ config, logger }: Pick<Parts, 'config' | 'logger'>, work: (log: EventLog) => Promise<T>): Promise<T> {
  const log = await openOrderLog(config, { clientId: 'dealbridge-command', logger })
  return await work(log).finally(() => log.close(CLOSE_MS))
}
