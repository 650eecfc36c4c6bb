import { tellStanding } from '../bitrix24/standing.ts'
import { createDispatcher } from '../dispatcher/dispatcher.ts'
import { createDispatcherTelemetry } from '../dispatcher/telemetry.ts'
import type { Config } from '../platform/config.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import { createRedis } from '../platform/redis.ts'
import { connectPortals } from './portals.ts'
import { startProcess } from './process.ts'
import type { RunningProcess } from './process.ts'
import { prepareRoutes } from './routes.ts'

/** Signals become transfers; the only process that writes to a portal. */
export function startDispatcher (config: Config, options: { unknownWaitMs?: number } = {}): Promise<RunningProcess> {
  const routes = prepareRoutes(config)
  return startProcess('dispatcher', config, ({ log, pool, logger, registry }) => {
    const redis = createRedis(config.redis.url, logger)
    const outgoing = createOutgoing()
    const telemetry = createDispatcherTelemetry(registry)
    const clients = connectPortals(config, { redis, outgoing, apiSeconds: telemetry.apiSeconds })
    return {
      room: createDispatcher({
        log, pool, logger, telemetry, clients, routes, quotas: new Map(config.portals.flatMap(({ name, quota }) => quota === undefined ? [] : [[name, quota]])),
        // Redis that is away hides it from others; the portal's next word comes within seconds.
        tellStanding: (portal, standing) => { tellStanding(redis, { portal, address: config.egress_address }, standing).catch(() => undefined) },
        ...options
      }),
      close: async () => { redis.disconnect(); await outgoing.close() }
    }
  })
}
