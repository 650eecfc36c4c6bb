import { initLog } from '../../eventlog/topics.ts'
import type { Config } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { ensureAnalyst, migrate } from '../../platform/migrations.ts'
import { createPool } from '../../platform/postgres.ts'

const MIGRATIONS = new URL('../../../migrations/', import.meta.url).pathname

/** Makes topics, schemas, tables and the role `analyst`. Safe to repeat. Gives what was new. */
export async function init (config: Config): Promise<{ migrations: string[] }> {
  const logger = createLogger('init', config.log_level)
  await initLog({ kafka: { ...config.kafka, clientId: 'dealbridge-init' }, registryUrl: config.registry.url, logger })
  const pool = createPool(config.postgres.url, { name: 'init', logger, max: 2 })
  try {
    const migrations = await migrate(pool, MIGRATIONS)
    await ensureAnalyst(pool, config.postgres.analyst_password)
    return { migrations }
  } finally {
    await pool.end()
  }
}
