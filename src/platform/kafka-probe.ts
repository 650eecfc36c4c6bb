import { Kafka, logLevel } from 'kafkajs'
import { patchKafkajs } from './kafka-patch.ts'

const PROBE_TOPIC = 'dealbridge-parts-probe'

/**
 * Answers once Kafka takes writes; throws what is missing otherwise, and the caller asks again.
 *
 * Ready means: as many brokers as `brokers` names are registered, every partition of a probe topic has a leader and all its
 * replicas in sync, and an acks=all produce to each partition succeeds.
 */
export async function probeKafka (brokers: readonly string[]): Promise<void> {
  patchKafkajs()
  const kafka = new Kafka({ clientId: 'dealbridge-parts', brokers: [...brokers], logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 3000, retry: { retries: 0 } })
  const admin = kafka.admin()
  const producer = kafka.producer({ retry: { retries: 0 } })
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    if (cluster.brokers.length < brokers.length) throw new Error(`${cluster.brokers.length} of ${brokers.length} brokers are registered`)
    const topics = await admin.listTopics()
    if (!topics.includes(PROBE_TOPIC)) {
      await admin.createTopics({ topics: [{ topic: PROBE_TOPIC, numPartitions: brokers.length, replicationFactor: brokers.length }], timeout: 3000 })
    }
    const metadata = await admin.fetchTopicMetadata({ topics: [PROBE_TOPIC] })
    const partitions = metadata.topics[0]?.partitions ?? []
    const led = partitions.filter(partition => partition.leader >= 0 && partition.isr.length === partition.replicas.length)
    if (led.length < brokers.length) throw new Error(`${led.length} of ${brokers.length} partitions of the probe topic are led and in sync`)
    await producer.connect()
    await producer.send({ topic: PROBE_TOPIC, acks: -1, messages: partitions.map(({ partitionId }) => ({ partition: partitionId, value: 'ready' })) })
  } finally {
    await Promise.allSettled([admin.disconnect(), producer.disconnect()])
  }
}
