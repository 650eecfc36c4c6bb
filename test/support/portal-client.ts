import { randomUUID } from 'node:crypto'
import { createBreaker } from '../../src/bitrix24/breaker.ts'
import type { Breaker } from '../../src/bitrix24/breaker.ts'
import { createPortalClient } from '../../src/bitrix24/client.ts'
import type { CallOptions, PortalClient } from '../../src/bitrix24/client.ts'
import { createLimiter } from '../../src/bitrix24/limiter.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createOutgoing } from '../../src/platform/outgoing.ts'
import { createRedis } from '../../src/platform/redis.ts'
import { eventually } from './eventually.ts'
import { services } from './services.ts'
import type { Holder } from './system.ts'

// One for all clients of a test file: a limiter of a new budget waits two seconds, in doubt about what was sent before.
const BUDGET = randomUUID()

/** The product's own client of one portal, on the real limiter with a large budget; `timeoutMs` shortens the client's time-outs. */
export async function connectPortal (t: Holder, restUrl: string, options: { timeoutMs?: number, breaker?: Breaker } = {}): Promise<PortalClient> {
  const redis = createRedis((await services()).redis, createLogger('test', 'error'))
  const outgoing = createOutgoing()
  t.after(async () => { redis.disconnect(); await outgoing.close() })
  await eventually(() => redis.status === 'ready')
  const limiter = createLimiter(redis, { portal: BUDGET, address: 'test', limits: { per_second: 1000, burst: 10000 } })
  const { timeoutMs } = options
  const shortened = timeoutMs === undefined ? outgoing : { ...outgoing, post: (request: Parameters<typeof outgoing.post>[0]) => outgoing.post({ ...request, timeoutMs }) }
  return createPortalClient({ name: 'p', restUrl, outgoing: shortened, limiter, breaker: options.breaker ?? createBreaker(), meter: { observe: () => undefined } })
}

/** Options of a call that may be sent at any time. */
export const anyTime = (intent: 'read' | 'write'): CallOptions => ({ intent, slot: { notAfter: Infinity } })
