import { createKafka, ensureTopics } from '../platform/kafka.ts'
import type { KafkaOptions } from '../platform/kafka.ts'
import { PARTITIONS } from '../platform/kafka-partition.ts'
import type { Logger } from '../platform/logger.ts'
import { connectRegistry } from '../platform/schema-registry.ts'
import { schemaFiles } from './schemas.ts'

export const QUARANTINE = 'quarantine'

/** Makes the topics and registers every version of every schema, oldest first. Safe to repeat. */
export async function initLog (options: { kafka: KafkaOptions, registryUrl: string, logger: Logger, topicPrefix?: string }): Promise<void> {
  const prefix = options.topicPrefix ?? ''
  const made = await ensureTopics(createKafka(options.kafka), [
    { topic: `${prefix}deal-signals`, partitions: PARTITIONS },
    { topic: `${prefix}deal-transfers`, partitions: PARTITIONS },
    { topic: `${prefix}${QUARANTINE}`, partitions: 1 }
  ])
  for (const topic of made) options.logger.log('info', 'topic_made', { topic })
  const registry = connectRegistry(options.registryUrl)
  for (const { name, text } of schemaFiles()) await registry.register(`dealbridge.${name}`, text)
}
