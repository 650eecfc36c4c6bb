import { initLog } from '../../eventlog/topics.ts'
import type { Config } from '../../platform/config.ts'
import { createLogger } from '../../platform/logger.ts'
import { ensureAnalyst, migrate } from '../../platform/migrations.ts'
import { createPool } from '../../platform/postgres.ts'
import { patiently } from './patience.ts'

const MIGRATIONS = new URL('../../../migrations/', import.meta.url).pathname

const PATIENCE = { forMs: 120_000, everyMs: 500 }

/** Makes topics, schemas, tables and the role `analyst`. Safe to repeat. A registry that is not up yet is waited for, 2 minutes at most. Gives what was new. */
export async function init (config: Config): Promise<{ migrations: string[] }> {
  const logger = createLogger('init', config.log_level)
  await patiently(() => initLog({ kafka: { ...config.kafka, clientId: 'dealbridge-init' }, registryUrl: config.registry.url, logger }),
    { ...PATIENCE, waiting: error => logger.log('warning', 'init_waits', { code: error.code }) })
  const pool = createPool(config.postgres.url, { name: 'init', logger, max: 2 })
  try {
    const migrations = await migrate(pool, MIGRATIONS)
    await ensureAnalyst(pool, config.postgres.analyst_password)
    return { migrations }
  } finally {
    await pool.end()
  }
}
