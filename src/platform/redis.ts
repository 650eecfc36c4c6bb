import { Redis } from 'ioredis'
import { messageOf } from './logger.ts'
import type { Logger } from './logger.ts'

export type { Redis }

/** A client that fails at once instead of waiting or repeating: a repeated reservation would be taken twice. */
export function createRedis (url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    commandTimeout: 300,
    connectTimeout: 1000,
    retryStrategy: (tries: number) => Math.min(100 * 2 ** Math.min(tries, 10), 2000)
  })
  let said = false
  redis.on('error', (error: Error) => {
    if (!said) logger.log('warning', 'redis_away', { error: messageOf(error) })
    said = true
  })
  redis.on('ready', () => { said = false })
  return redis
}
