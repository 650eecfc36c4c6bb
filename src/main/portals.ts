import { createBreaker } from '../bitrix24/breaker.ts'
import { createPortalClient } from '../bitrix24/client.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { createLimiter } from '../bitrix24/limiter.ts'
import type { Config, PortalConfig } from '../platform/config.ts'
import type { Histogram } from '../platform/metrics.ts'
import type { Outgoing } from '../platform/outgoing.ts'
import type { Redis } from '../platform/redis.ts'

/** The clients of configured portals by name, on the budgets that all processes share; `wanted` leaves some out. */
export function connectPortals (config: Config, parts: { redis: Redis, outgoing: Outgoing, apiSeconds: Histogram<'method' | 'portal' | 'outcome'> }, wanted: (portal: PortalConfig) => boolean = () => true): Map<string, PortalClient> {
  const { redis, outgoing, apiSeconds } = parts
  const meter = { observe: (portal: string, method: string, seconds: number, outcome: string) => apiSeconds.observe({ method, portal, outcome }, seconds) }
  return new Map(config.portals.filter(wanted).map(({ name, rest_url: restUrl, limits }) => [name, createPortalClient({
    name, restUrl: restUrl ?? '', outgoing, meter, breaker: createBreaker(), operatingSeconds: limits.operating_seconds,
    limiter: createLimiter(redis, { portal: name, address: config.egress_address, limits })
  })]))
}
