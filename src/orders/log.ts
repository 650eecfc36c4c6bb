import { createKafkaLog } from '../eventlog/kafka-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import type { Config } from '../platform/config.ts'
import type { Logger } from '../platform/logger.ts'
import { Registry } from '../platform/metrics.ts'

/** Opens a log for orders alone; also while Kafka is away. */
export function openOrderLog (config: Pick<Config, 'kafka' | 'registry' | 'data_dir'>, as: { readonly clientId: string, readonly logger: Logger }): Promise<EventLog> {
  return createKafkaLog({ kafka: { ...config.kafka, clientId: as.clientId }, registryUrl: config.registry.url, dataDir: config.data_dir, logger: as.logger, registry: new Registry() })
}

/** A log that is opened by the first who needs it. */
export interface LogAtNeed {
  /** Hands out the log. When `work` throws, the log is let go: what waits in it must not be sent behind the back of an operator who was told that it is not given. */
  use<T> (work: (log: EventLog) => Promise<T>): Promise<T>
  close (deadlineMs: number): Promise<void>
}

export function openAtNeed (open: () => Promise<EventLog>): LogAtNeed {
  let current: Promise<EventLog> | undefined
  return {
    async use (work) {
      const mine = current ??= open()
      try {
        return await work(await mine)
      } catch (error) {
        if (current === mine) current = undefined
        void mine.then(log => log.close(0), () => undefined)
        throw error
      }
    },
    async close (deadlineMs) {
      await current?.then(log => log.close(deadlineMs), () => undefined)
    }
  }
}
