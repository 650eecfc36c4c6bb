import { Kafka, Partitioners, logLevel } from 'kafkajs'
import type { Admin, Consumer, Producer, SASLOptions } from 'kafkajs'
import { hangGuard } from './kafka-guard.ts'
import { patchKafkajs } from './kafka-patch.ts'

export type { Admin, Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'

export interface KafkaOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** For tests: how soon a silent reader, and one that does not come to a rebalance, is put out of its group. */
  readonly patience?: { readonly sessionMs: number, readonly rebalanceMs: number }
  readonly ssl?: boolean | undefined
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', readonly username: string, readonly password: string } | undefined
}

/** Makes clients with the settings that were measured to keep every acknowledged event. */
export interface KafkaClients { producer (): Producer, consumer (groupId: string): Consumer, admin (): Admin }

const SUSPECT_MS = 3000

export function createKafka (options: KafkaOptions): KafkaClients {
  patchKafkajs()
  // On a single broker there is nobody to turn to while it is suspect.
  const guard = hangGuard(options.brokers.length > 1 ? SUSPECT_MS : 0)
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 4000,
    authenticationTimeout: 10000,
    requestTimeout: 4000,
    socketFactory: request => guard.socketFactory(request),
    retry: { initialRetryTime: 100, multiplier: 2, factor: 0.2, maxRetryTime: 2000, retries: 10 },
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl as SASLOptions })
  })
  return {
    producer: () => guard.attach(kafka.producer({
      idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner,
      metadataMaxAge: 3000, retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 }
    })),
    consumer: groupId => guard.attach(kafka.consumer({
      groupId, allowAutoTopicCreation: false, metadataMaxAge: 3000, sessionTimeout: options.patience?.sessionMs ?? 30000, heartbeatInterval: 3000, rebalanceTimeout: options.patience?.rebalanceMs ?? 60000,
      maxWaitTimeInMs: 500, minBytes: 1, maxBytes: 2_097_152, maxBytesPerPartition: 524_288,
      retry: { retries: 10, initialRetryTime: 200, maxRetryTime: 3000 }
    })),
    admin: () => guard.attach(kafka.admin({ retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1000 } }))
  }
}

/** Makes topics that are missing; three replicas and two in sync where there are three brokers. Gives their names. */
export async function ensureTopics (kafka: KafkaClients, topics: readonly { readonly topic: string, readonly partitions: number }[]): Promise<string[]> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const { brokers } = await admin.describeCluster()
    const replicas = brokers.length >= 3 ? 3 : 1
    const known = new Set(await admin.listTopics())
    const missing = topics.filter(({ topic }) => !known.has(topic))
    if (missing.length === 0) return []
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: Object.entries({
          'min.insync.replicas': String(replicas === 3 ? 2 : 1), 'retention.ms': '-1', 'cleanup.policy': 'delete', 'max.message.bytes': '1048576',
          'message.timestamp.type': 'LogAppendTime', 'unclean.leader.election.enable': 'false'
        }).map(([name, value]) => ({ name, value }))
      }))
    })
    return missing.map(({ topic }) => topic)
  } finally {
    await admin.disconnect()
  }
}

const ENDS_PATIENCE_MS = 15_000

/**
 * The offset after the last record of each partition. Asks again while a leader is being chosen or has just been: the
 * client passes that answer on as an error although it calls it retriable. Throws it after 15 s.
 */
export async function topicEnds (admin: Admin, topic: string): Promise<Map<number, bigint>> {
  const patience = AbortSignal.timeout(ENDS_PATIENCE_MS)
  for (let wait = 50; ; wait = Math.min(wait * 2, 1000)) {
    try {
      return new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]))
    } catch (error) {
      if (patience.aborted || (error as { retriable?: boolean }).retriable !== true) throw error
      await new Promise(resolve => setTimeout(resolve, wait))
    }
  }
}
