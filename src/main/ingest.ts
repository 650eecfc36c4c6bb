import { createRedisClaims } from '../ingest/claims.ts'
import path from 'node:path'
import { createIngest } from '../ingest/ingest.ts'
import { createSpool } from '../ingest/spool/spool.ts'
import type { Config } from '../platform/config.ts'
import { createRedis } from '../platform/redis.ts'
import { findLanded, findLink } from '../projections/deal/read.ts'
import { startProcess } from './process.ts'
import type { RunningProcess } from './process.ts'

/** Webhooks in, signals out. Starts without PostgreSQL, Redis and the registry. */
export function startIngest (config: Config): Promise<RunningProcess> {
  return startProcess('ingest', config, ({ log, pool, logger, registry }) => {
    const redis = createRedis(config.redis.url, logger)
    const spool = createSpool({ dir: path.join(config.data_dir, 'spool'), log, logger, registry, limitBytes: config.ingest.spool_mb * 1024 * 1024 })
    const links = {
      findLink: (portal: string, dealId: string) => findLink(pool, portal, dealId),
      findLanded: (portal: string, dealId: string, offset: bigint) => findLanded(pool, portal, dealId, offset)
    }
    return {
      room: createIngest({ log, claims: createRedisClaims(redis), links, logger, registry, spool }, config),
      close: () => { redis.disconnect(); return Promise.resolve() }
    }
  })
}
