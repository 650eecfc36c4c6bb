import { AppError } from '../platform/errors.ts'
import type { Failpoint } from '../platform/failpoint.ts'
import { createKafka, topicEnds } from '../platform/kafka.ts'
import type { KafkaClients, KafkaOptions } from '../platform/kafka.ts'
import { PARTITIONS, partitionOf } from '../platform/kafka-partition.ts'
import { PartitionWriter } from '../platform/kafka-writer.ts'
import type { WriterOptions } from '../platform/kafka-writer.ts'
import type { Logger } from '../platform/logger.ts'
import { Counter } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import { connectRegistry } from '../platform/schema-registry.ts'
import { createCodec } from './codec.ts'
import type { DomainEvent, EventLog, Position, Topic } from './port.ts'
import { createReader } from './reader.ts'
import { openSchemaMemory } from './schema-memory.ts'
import { QUARANTINE } from './topics.ts'

export interface KafkaLogOptions {
  readonly kafka: KafkaOptions
  readonly registryUrl: string
  readonly dataDir: string
  readonly logger: Logger
  readonly registry: Registry
  /** The topic that this process will append to: its connections are made ahead, while nobody waits for them. */
  readonly appendsTo?: Topic | undefined
  /** For tests, which share a broker: put before every topic name. */
  readonly topicPrefix?: string
}

const QUEUE_BYTES = 32 * 1024 * 1024
// A longer foreign record is cut: refused, it would hold up its partition for ever.
const QUARANTINE_BYTES = 600_000

/** The log on Kafka. Starts while broker and registry are away and goes on trying. */
export function createKafkaLog (options: KafkaLogOptions): Promise<EventLog> {
  const { logger, registry } = options
  const prefix = options.topicPrefix ?? ''
  const kafka = createKafka(options.kafka)
  const codec = createCodec(connectRegistry(options.registryUrl), openSchemaMemory(options.dataDir, options.registryUrl))
  void codec.warm()
  const appended = new Counter({ name: 'dealbridge_log_appended_total', help: 'records acknowledged by all in-sync replicas', labelNames: ['topic'], registers: [registry] })
  const retries = new Counter({ name: 'dealbridge_log_retries_total', help: 'batches sent once more, unchanged', registers: [registry] })
  const quarantined = new Counter({ name: 'dealbridge_quarantined_total', help: 'records that could not be decoded', labelNames: ['topic'], registers: [registry] })
  const writers = createWriters(kafka, { logger, onRetry: () => retries.inc() })
  let closed = false
  if (options.appendsTo !== undefined) for (let partition = 0; partition < PARTITIONS; partition++) void writers.of(prefix + options.appendsTo, partition).warm()

  async function append (event: DomainEvent, traceparent: string | null = null): Promise<Position> {
    if (closed) throw new AppError('log_closed', 'append after close')
    const topic: Topic = event.type === 'DealChangeSignalled' ? 'deal-signals' : 'deal-transfers'
    const key = `${event.portal}:${event.dealId}`
    const partition = partitionOf(key)
    const value = await codec.encode(event)
    // The registry may have answered after the close: who was told no must not find the event in the log later.
    if (closed) throw new AppError('log_closed', 'closed while the schema was asked for', { retryable: true })
    const point: Failpoint = event.type === 'DealChangeSignalled' ? 'K2' : event.type === 'TransferParked' ? 'K19' : 'K13'
    const offset = await writers.of(prefix + topic, partition).append({ key, value, headers: traceparent === null ? {} : { traceparent } }, point)
    appended.inc({ topic })
    return { topic, partition, offset }
  }

  const reader = createReader({
    kafka, codec, logger, prefix,
    quarantine: async ({ topic, partition, offset, key, value, error }) => {
      const headers = { 'origin-topic': topic, 'origin-partition': String(partition), 'origin-offset': offset.toString(), error: error.slice(0, 1000) }
      await writers.of(prefix + QUARANTINE, 0).append({ key, value: value.subarray(0, QUARANTINE_BYTES), headers })
      quarantined.inc({ topic })
      logger.log('error', 'record_quarantined', { topic, partition, offset, error })
    }
  })

  return Promise.resolve({
    append,
    subscribe: reader.subscribe,
    read: reader.read,
    ends: topic => endsOf(kafka, prefix + topic),
    isWritable: () => writers.all().every(writer => writer.writable),
    async close (deadlineMs) {
      closed = true
      const deadline = AbortSignal.timeout(deadlineMs)
      await Promise.all(writers.all().map(writer => writer.close(deadline)))
    }
  })
}

/** One writer per partition, made at its first record. */
function createWriters (kafka: KafkaClients, options: Pick<WriterOptions, 'logger' | 'onRetry'>): { of (topic: string, partition: number): PartitionWriter, all (): PartitionWriter[] } {
  const budget = { used: 0, limit: QUEUE_BYTES }
  const writers = new Map<string, PartitionWriter>()
  return {
    of (topic, partition) {
      const name = `${topic}/${partition}`
      const writer = writers.get(name) ?? new PartitionWriter({ ...options, makeProducer: () => kafka.producer(), topic, partition, budget })
      writers.set(name, writer)
      return writer
    },
    all: () => [...writers.values()]
  }
}

async function endsOf (kafka: KafkaClients, topic: string): Promise<Map<number, bigint>> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const none = Array.from({ length: PARTITIONS }, (_, partition) => [partition, 0n] as const)
    return new Map([...none, ...await topicEnds(admin, topic)])
  } finally {
    await admin.disconnect()
  }
}
