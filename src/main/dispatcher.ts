import { createBreaker } from '../bitrix24/breaker.ts'
import { createPortalClient } from '../bitrix24/client.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { createLimiter } from '../bitrix24/limiter.ts'
import { createDispatcher } from '../dispatcher/dispatcher.ts'
import { createDispatcherTelemetry } from '../dispatcher/telemetry.ts'
import type { DispatcherTelemetry } from '../dispatcher/telemetry.ts'
import type { Config } from '../platform/config.ts'
import { createOutgoing } from '../platform/outgoing.ts'
import type { Outgoing } from '../platform/outgoing.ts'
import { createRedis } from '../platform/redis.ts'
import type { Redis } from '../platform/redis.ts'
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
    const clients = connectPortals(config, { redis, outgoing, telemetry })
    return {
      room: createDispatcher({ log, pool, logger, telemetry, clients, routes, ...options }),
      close: async () => { redis.disconnect(); await outgoing.close() }
    }
  })
}

function connectPortals (config: Config, parts: { redis: Redis, outgoing: Outgoing, telemetry: DispatcherTelemetry }): Map<string, PortalClient> {
  const { redis, outgoing, telemetry } = parts
  const meter = { observe: (portal: string, method: string, seconds: number, outcome: string) => telemetry.apiSeconds.observe({ method, portal, outcome }, seconds) }
  return new Map(config.portals.map(({ name, rest_url: restUrl, limits }) => [name, createPortalClient({
    name, restUrl: restUrl ?? '', outgoing, meter, breaker: createBreaker(),
    limiter: createLimiter(redis, { portal: name, address: 'default', limits })
  })]))
}
