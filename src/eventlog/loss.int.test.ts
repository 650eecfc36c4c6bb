import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import type { Message, Producer } from 'kafkajs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { seedOf } from '../../test/support/seed.ts'
import { services } from '../../test/support/services.ts'
import { FailpointError, armFailpoints } from '../platform/failpoint.ts'
import { createLogger } from '../platform/logger.ts'
import { patchKafkajs } from '../platform/kafka-patch.ts'
import { PartitionWriter } from '../platform/kafka-writer.ts'
import type { NewMessage, WriterOptions } from '../platform/kafka-writer.ts'

const PARTITIONS = 4
const EVENTS = 400
const PRODUCE = 0

/** Passes Kafka's requests on and drops the ANSWER of some produce requests, cutting the connection instead. */
async function lossyProxy (t: TestContext, broker: { host: string, port: number }, drops: () => boolean): Promise<{ port: number, dropped: () => number }> {
  let dropped = 0
  const open = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(broker.port, broker.host)
    const doomed = new Set<number>()
    const end = (): void => { client.destroy(); upstream.destroy() }
    frames(client, (frame) => {
      if (frame.readInt16BE(0) === PRODUCE && drops()) doomed.add(frame.readInt32BE(4))
      upstream.write(withLength(frame))
    })
    frames(upstream, (frame) => {
      if (doomed.delete(frame.readInt32BE(0))) {
        dropped += 1
        return end()
      }
      client.write(withLength(frame))
    })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', end).on('close', () => {
        open.delete(socket)
        end()
      })
    }
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, dropped: () => dropped }
}

/** Cuts a stream into Kafka's frames: four bytes of length, then the body. */
function frames (socket: net.Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = rest.readInt32BE(0)
      take(rest.subarray(4, 4 + size))
      rest = rest.subarray(4 + size)
    }
  })
}

function withLength (frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return Buffer.concat([length, frame])
}

/** Numbers from 0 to 1, the same for the same seed. */
function seeded (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

interface Verdict { readonly lost: number, readonly doubled: number, readonly misplaced: number, readonly disordered: number, readonly acknowledged: number, readonly dropped: number, readonly repeated: number }

/** Appends through the lossy proxy and compares what was acknowledged with what stands in the topic. */
async function play (t: TestContext, seed: number, Writer: typeof PartitionWriter): Promise<Verdict> {
  patchKafkajs()
  const [address = ''] = (await services()).kafka
  const [host = '', port = ''] = address.split(':')
  const chance = seeded(seed)
  const proxy = await lossyProxy(t, { host, port: Number(port) }, () => chance() < 0.5)
  const topic = `loss-${randomUUID()}`
  const direct = new Kafka({ clientId: 'loss', brokers: [address], logLevel: logLevel.NOTHING })
  const admin = direct.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }], waitForLeaders: true })
  const lossy = new Kafka({
    clientId: 'loss', brokers: [address], logLevel: logLevel.NOTHING, requestTimeout: 4000, retry: { retries: 10, initialRetryTime: 50, maxRetryTime: 200 },
    socketFactory: ({ onConnect }) => net.connect(proxy.port, '127.0.0.1', onConnect)
  })
  const producers: Producer[] = []
  let repeated = 0
  const budget = { used: 0, limit: 32 * 1024 * 1024 }
  const writers = Array.from({ length: PARTITIONS }, (_, partition) => new Writer({
    topic, partition, budget, logger: createLogger('test', 'error'), onRetry: () => { repeated += 1 },
    makeProducer: () => {
      // One retry of its own, the fewest it takes: five hide nearly every lost answer, and our loop would not be tested.
      const producer = lossy.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 500 } })
      producers.push(producer)
      return producer
    }
  }))
  const ids = Array.from({ length: EVENTS }, (_, i) => `event-${i}`)
  const offsets = await concurrently(writers, ids)
  await Promise.all(writers.map(writer => writer.close(AbortSignal.timeout(5000))))
  // The concurrent writer makes more than one at its start; each would keep the process alive.
  await Promise.all(producers.map(producer => producer.disconnect()))
  const stored = await readAll(direct, topic, await admin.fetchTopicOffsets(topic))
  await admin.disconnect()
  return { ...judge(ids, offsets, stored), dropped: proxy.dropped(), repeated }
}

async function readAll (kafka: Kafka, topic: string, ends: { partition: number, high: string }[]): Promise<Map<string, string[]>> {
  const places = new Map<string, string[]>()
  const left = new Map(ends.filter(e => e.high !== '0').map(e => [e.partition, BigInt(e.high)]))
  if (left.size === 0) return places
  const consumer = kafka.consumer({ groupId: `read-${randomUUID()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const done = Promise.withResolvers<void>()
  await consumer.run({
    eachBatch: ({ batch }) => {
      for (const { offset, value } of batch.messages) {
        const id = value?.toString() ?? ''
        places.set(id, [...places.get(id) ?? [], `${batch.partition}/${offset}`])
      }
      if (BigInt(batch.lastOffset()) + 1n >= (left.get(batch.partition) ?? 0n)) left.delete(batch.partition)
      if (left.size === 0) done.resolve()
      return Promise.resolve()
    }
  })
  await done.promise
  await consumer.disconnect()
  return places
}

function judge (ids: readonly string[], offsets: readonly (bigint | null)[], stored: ReadonlyMap<string, readonly string[]>): Omit<Verdict, 'dropped' | 'repeated'> {
  let [lost, doubled, misplaced, disordered, acknowledged] = [0, 0, 0, 0, 0]
  const highest = new Map<number, bigint>()
  ids.forEach((id, i) => {
    const places = stored.get(id) ?? []
    if (places.length > 1) doubled += 1
    const offset = offsets[i] ?? null
    if (offset === null) return
    acknowledged += 1
    if (offset <= (highest.get(i % PARTITIONS) ?? -1n)) disordered += 1
    highest.set(i % PARTITIONS, offset)
    if (places.length === 0) lost += 1
    else if (!places.includes(`${i % PARTITIONS}/${offset}`)) misplaced += 1
  })
  return { lost, doubled, misplaced, disordered, acknowledged }
}

/** As the log does: every event to its partition's writer, many callers at once. */
async function concurrently (writers: readonly PartitionWriter[], ids: readonly string[]): Promise<(bigint | null)[]> {
  const waves: (bigint | null)[] = []
  // Waves, so that there are many batches and many answers to lose.
  for (let at = 0; at < ids.length; at += 20) {
    const wave = ids.slice(at, at + 20).map((id, i) => writers[(at + i) % PARTITIONS]?.append({ key: null, value: Buffer.from(id) }).catch(() => null) ?? Promise.resolve(null))
    waves.push(...await Promise.all(wave))
  }
  return waves
}

/** Planted bug: every record is sent at once, without waiting for the answer to the one before. */
class ConcurrentWriter extends PartitionWriter {
  readonly #partition: number
  #first: Promise<bigint> | undefined

  constructor (options: WriterOptions) {
    super(options)
    this.#partition = options.partition
  }

  override async append (message: NewMessage): Promise<bigint> {
    const messages = [{ ...message, partition: this.#partition }]
    // The first one connects the producer that all share.
    if (this.#first === undefined) return this.#first = this.deliver(messages)
    await this.#first
    return this.deliver(messages)
  }
}

/** Planted bug: a batch whose send failed is given up, and the next one goes to the same producer. */
class SkippingWriter extends PartitionWriter {
  protected override deliver (messages: Message[]): Promise<bigint> { return this.sendOnce(messages) }
}

test('no acknowledged event is lost, doubled or misplaced when answers of the broker are lost', { timeout: 180_000 }, async (t) => {
  const seed = seedOf(t)
  await t.test('one send at a time, a failed batch repeated unchanged', async (t) => {
    const verdict = await play(t, seed, PartitionWriter)
    t.diagnostic(JSON.stringify(verdict))
    const { dropped, repeated, ...rest } = verdict
    assert.ok(dropped > 10 && repeated > 3, 'too few answers were dropped for the test to mean anything')
    assert.deepEqual(rest, { lost: 0, doubled: 0, misplaced: 0, disordered: 0, acknowledged: EVENTS })
  })
  for (const [bug, Writer] of [['concurrent sends', ConcurrentWriter], ['skip the failed batch', SkippingWriter]] as const) {
    await t.test(`the check finds the planted bug: ${bug}`, async (t) => {
      const verdict = await play(t, seed, Writer)
      t.diagnostic(JSON.stringify(verdict))
      assert.ok(verdict.lost + verdict.doubled > 0, 'nothing was lost or doubled')
    })
  }
})

test('the place between a send and its acknowledgement is passed when the record has left and no answer has come', { timeout: 60_000 }, async (t) => {
  patchKafkajs()
  const [address = ''] = (await services()).kafka
  const [host = '', port = ''] = address.split(':')
  let areDropped = true
  const proxy = await lossyProxy(t, { host, port: Number(port) }, () => areDropped)
  const topic = `left-${randomUUID()}`
  const direct = new Kafka({ clientId: 'left', brokers: [address], logLevel: logLevel.NOTHING })
  const admin = direct.admin()
  await admin.connect()
  t.after(() => admin.disconnect())
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true })
  const lossy = new Kafka({ clientId: 'left', brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 1, initialRetryTime: 50 }, socketFactory: ({ onConnect }) => net.connect(proxy.port, '127.0.0.1', onConnect) })
  const writer = new PartitionWriter({
    topic, partition: 0, budget: { used: 0, limit: 1_000_000 }, logger: createLogger('test', 'error'), onRetry: () => undefined,
    makeProducer: () => lossy.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 1, initialRetryTime: 50 } })
  })
  t.after(() => writer.close(AbortSignal.timeout(5000)))
  armFailpoints({ DEALBRIDGE_FAULTS: 'allow', FAILPOINTS: 'K2:1:throw' })
  t.after(() => armFailpoints({}))
  await assert.rejects(writer.append({ key: null, value: Buffer.from('one') }, 'K2'), FailpointError)
  areDropped = false
  // The error was its caller's alone: the record stands in the log, once, and so does the next.
  assert.equal(await writer.append({ key: null, value: Buffer.from('two') }, 'K2'), 1n)
  const stored = await readAll(direct, topic, await admin.fetchTopicOffsets(topic))
  assert.deepEqual([...stored], [['one', ['0/0']], ['two', ['0/1']]])
})
