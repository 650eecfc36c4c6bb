import { randomUUID } from 'node:crypto'
import { AppError } from '../platform/errors.ts'
import { topicEnds } from '../platform/kafka.ts'
import type { Consumer, EachBatchPayload, KafkaClients, KafkaMessage } from '../platform/kafka.ts'
import { monotonicMs } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Codec } from './codec.ts'
import type { EventLog, Lease, LogRecord, RecordBatch, Subscription, Topic } from './port.ts'

/** A record that cannot be decoded, with its origin. */
export interface BadRecord { readonly topic: Topic, readonly partition: number, readonly offset: bigint, readonly key: Buffer | null, readonly value: Buffer, readonly error: string }

interface ReaderDeps {
  readonly kafka: KafkaClients
  readonly codec: Codec
  readonly logger: Logger
  readonly prefix: string
  readonly quarantine: (record: BadRecord) => Promise<void>
}

const FETCH_SILENCE_MS = 30_000

/** The reading half of the log on Kafka. */
export function createReader (deps: ReaderDeps): Pick<EventLog, 'subscribe' | 'read'> {
  const { kafka, codec, logger, prefix } = deps

  async function decodeBatch (payload: EachBatchPayload): Promise<RecordBatch> {
    const { batch } = payload
    const topic = batch.topic.slice(prefix.length) as Topic
    const { partition } = batch
    const records: LogRecord[] = []
    for (const [i, message] of batch.messages.entries()) {
      const record = await decodeOne(message, { topic, partition })
      if (record !== undefined) records.push(record)
      if (i % 500 === 499) await payload.heartbeat()
    }
    return { topic, partition, firstOffset: BigInt(batch.firstOffset() ?? '0'), nextOffset: BigInt(batch.lastOffset()) + 1n, records }
  }

  async function decodeOne (message: KafkaMessage, at: { topic: Topic, partition: number }): Promise<LogRecord | undefined> {
    const offset = BigInt(message.offset)
    const value = message.value ?? Buffer.alloc(0)
    try {
      const header = message.headers?.['traceparent']
      return { ...at, offset, event: await codec.decode(value), traceparent: header === undefined ? null : String(header) }
    } catch (error) {
      // The registry's absence says nothing about the record: wait and try again, never quarantine.
      if (!(error instanceof AppError) || error.code !== 'record_undecodable') throw error
      await deps.quarantine({ ...at, offset, key: message.key, value, error: error.message })
      return undefined
    }
  }

  function subscribe (options: Parameters<EventLog['subscribe']>[0]): Promise<Subscription> {
    const consumer = kafka.consumer(prefix + options.group)
    const died = Promise.withResolvers<Error>()
    let lastFetch = -Infinity
    let joined = false
    let stopped = false
    let generation = 0
    consumer.on(consumer.events.GROUP_JOIN, () => {
      joined = true
      generation += 1
    })
    consumer.on(consumer.events.FETCH, () => { lastFetch = monotonicMs() })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      joined = false
      logger.log(payload.restart ? 'warning' : 'error', 'consumer_crashed', { what: options.group, error: messageOf(payload.error) })
      if (!payload.restart) died.resolve(payload.error)
    })

    async function eachBatch (payload: EachBatchPayload): Promise<void> {
      await asPlainError(async () => {
        const begunIn = generation
        const batch = await decodeBatch(payload)
        const lease = leaseOn(consumer, payload)
        await options.onBatch(batch, lease)
        // After a seek or a rebalance this batch no longer says where the partition stands.
        if (payload.isStale() || !payload.isRunning() || lease.lost.aborted || generation !== begunIn) return
        payload.resolveOffset(payload.batch.lastOffset())
      })
    }

    async function begin (): Promise<void> {
      for (let wait = 200; !stopped; wait = Math.min(wait * 2, 3000)) {
        try {
          await consumer.connect()
          await consumer.subscribe({ topics: options.topics.map(topic => prefix + topic), fromBeginning: true })
          await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 3, eachBatch })
          return
        } catch (error) {
          logger.log('warning', 'consumer_waits', { what: options.group, error: messageOf(error) })
          await new Promise(resolve => setTimeout(resolve, wait))
        }
      }
    }
    const begun = begin()

    return Promise.resolve({
      dead: died.promise,
      isHealthy: () => joined && monotonicMs() - lastFetch < FETCH_SILENCE_MS,
      async stop () {
        stopped = true
        await Promise.race([begun, new Promise(resolve => setTimeout(resolve, 5000).unref())])
        await consumer.stop().catch(() => undefined)
        await consumer.disconnect().catch(() => undefined)
      }
    })
  }

  async function read (topic: Topic, from: ReadonlyMap<number, bigint>, onBatch: (batch: RecordBatch) => Promise<void>): Promise<void> {
    const admin = kafka.admin()
    await admin.connect()
    const group = `${prefix}read-${randomUUID()}`
    const consumer = kafka.consumer(group)
    try {
      const left = new Map<number, bigint>()
      const next = new Map(from)
      for (const [partition, end] of await topicEnds(admin, prefix + topic)) if (end > (from.get(partition) ?? 0n)) left.set(partition, end)
      if (left.size === 0) return
      await consumer.connect()
      await consumer.subscribe({ topics: [prefix + topic], fromBeginning: true })
      const done = Promise.withResolvers<void>()
      consumer.on(consumer.events.CRASH, ({ payload }) => { if (!payload.restart) done.reject(payload.error) })
      // At each join, not after `run`: that returns before the group is there when its first try to join fails.
      consumer.on(consumer.events.GROUP_JOIN, () => {
        for (const partition of left.keys()) consumer.seek({ topic: prefix + topic, partition, offset: (next.get(partition) ?? 0n).toString() })
      })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: payload => asPlainError(async () => {
          const batch = await decodeBatch(payload)
          const end = left.get(batch.partition)
          if (end === undefined) {
            payload.resolveOffset(payload.batch.lastOffset())
            return
          }
          // A fetch that was under way before the seek may bring what lies before the beginning, and the seek what was read.
          const begin = next.get(batch.partition) ?? 0n
          const firstOffset = batch.firstOffset > begin ? batch.firstOffset : begin
          const nextOffset = batch.nextOffset < end ? batch.nextOffset : end
          if (firstOffset < nextOffset) {
            try {
              await onBatch({ ...batch, firstOffset, nextOffset, records: batch.records.filter(r => r.offset >= begin && r.offset < end) })
            } catch (error) {
              done.reject(error)
              return
            }
            next.set(batch.partition, nextOffset)
          }
          payload.resolveOffset(payload.batch.lastOffset())
          if (batch.nextOffset >= end) left.delete(batch.partition)
          if (left.size === 0) done.resolve()
        })
      })
      await done.promise
    } finally {
      await consumer.disconnect().catch(() => undefined)
      await admin.deleteGroups([group]).catch(() => undefined)
      await admin.disconnect()
    }
  }

  return { subscribe, read }
}

function leaseOn (consumer: Consumer, payload: EachBatchPayload): Lease {
  const lost = new AbortController()
  const { topic, partition } = payload.batch
  return {
    lost: lost.signal,
    async keepAlive () {
      try {
        await payload.heartbeat()
      } catch (error) {
        lost.abort()
        throw error
      }
    },
    commit: next => consumer.commitOffsets([{ topic, partition, offset: next.toString() }]),
    seek: (offset) => { consumer.seek({ topic, partition, offset: offset.toString() }) }
  }
}

/** kafkajs ends a consumer for good on a TypeError and its kin while the process lives on; a plain Error is tried again. */
async function asPlainError (work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Error && (error.name.startsWith('KafkaJS') || error.constructor === Error)) throw error
    throw new Error(messageOf(error), { cause: error })
  }
}
