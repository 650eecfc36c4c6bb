import { createKafkaLog } from '../eventlog/kafka-log.ts'
import type { Config } from '../platform/config.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import { createPool } from '../platform/postgres.ts'
import { createRedis } from '../platform/redis.ts'
import { createSweep } from '../sweep/sweep.ts'
import type { OnceOptions, Sweep } from '../sweep/sweep.ts'
import { createSweepTelemetry } from '../sweep/telemetry.ts'
import { sweepTimes } from '../sweep/visit.ts'
import type { Visited } from '../sweep/visit.ts'
import { connectPortals } from './portals.ts'
import { startProcess } from './process.ts'
import type { ProcessParts, RunningProcess } from './process.ts'

/** Changes whose webhook never came become signals. */
export function startSweep (config: Config): Promise<RunningProcess> {
  return startProcess('sweep', config, (parts) => {
    const { sweep, close } = compose(parts)
    return { room: sweep, close }
  })
}

/** Sweeps these portals once, now. A portal that another process has in hand gives null. */
export async function sweepOnce (config: Config, portals: readonly string[], options: OnceOptions): Promise<{ portal: string, visited: Visited | null }[]> {
  const logger = createLogger('sweep', config.log_level)
  const registry = createRegistry()
  const pool = createPool(config.postgres.url, { name: 'sweep-run', logger, max: 4 })
  const log = await createKafkaLog({ kafka: { ...config.kafka, clientId: 'dealbridge-sweep-run' }, registryUrl: config.registry.url, dataDir: config.data_dir, logger, registry, appendsTo: 'deal-signals' })
  const { sweep, close } = compose({ config, logger, registry, log, pool })
  try {
    const out: { portal: string, visited: Visited | null }[] = []
    for (const portal of portals) out.push({ portal, visited: await sweep.once(portal, options) })
    return out
  } finally {
    await sweep.stop()
    await log.close(5000)
    await close()
    await pool.end()
  }
}

function compose ({ config, logger, registry, log, pool }: ProcessParts): { sweep: Sweep, close: () => Promise<void> } {
  const redis = createRedis(config.redis.url, logger)
  const outgoing = createOutgoing()
  const telemetry = createSweepTelemetry(registry)
  const perSecond = new Map(config.portals.map(({ name, limits }) => [name, limits.per_second]))
  const clients = connectPortals(config, { redis, outgoing, apiSeconds: telemetry.apiSeconds }, ({ name }) => config.routes.has(name))
  const portals = new Map([...clients].flatMap(([name, client]) => {
    const route = config.routes.get(name)
    return route === undefined ? [] : [[name, { client, perSecond: perSecond.get(name) ?? 1, route }]]
  }))
  return {
    sweep: createSweep({ log, pool, logger, telemetry, portals, times: sweepTimes(config.sweep), backfill: config.sweep.backfill }),
    close: async () => { redis.disconnect(); await outgoing.close() }
  }
}
