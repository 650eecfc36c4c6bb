// Promises: an append that resolved stands in the log at the offset it gave, once, in the order of the appends of
// its partition. Does not promise: that an append that was rejected by `close` is absent (its answer may be lost).
// Breaks it: two sends of one partition under way at once, or a failed batch left out, on an idempotent producer; it
// takes its sequence number back, and the broker answers "duplicate, fine" for an event that was never written.
// Watched by src/eventlog/loss.int.test.ts, which plants exactly these two bugs.
import type { Message, Producer } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from './clock.ts'
import { AppError } from './errors.ts'
import { failpoint, isAnyArmed } from './failpoint.ts'
import type { Failpoint } from './failpoint.ts'
import { whenLeft } from './kafka-patch.ts'
import type { Logger } from './logger.ts'
import { messageOf } from './logger.ts'

const MAX_BATCH_RECORDS = 500
const MAX_BATCH_BYTES = 800_000
const OVERHEAD = 200
// Time from one send of a partition to the next. A request costs as much as ten records, here and at the broker: with 50 callers
// over 12 partitions ingest took 11,300 webhooks a second without this, two records a request, and 13,000 with it.
const GATHER_MS = 3

/** The largest record taken, far under the topic's 1 MiB: a refusal by the broker would take the whole batch along. */
export const MAX_RECORD_BYTES = 700_000

const PERMANENT = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION', 'TOPIC_AUTHORIZATION_FAILED', 'POLICY_VIOLATION'])
const REPLACE = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING', 'PRODUCER_FENCED'])

export interface NewMessage { readonly key: string | Buffer | null, readonly value: Buffer, readonly headers?: Record<string, string | Buffer> }

/** Bytes that wait in all writers of a process together. */
export interface QueueBudget { used: number, readonly limit: number }

export interface WriterOptions {
  readonly makeProducer: () => Producer
  readonly topic: string
  readonly partition: number
  readonly budget: QueueBudget
  readonly logger: Logger
  readonly onRetry: () => void
}

interface Item { readonly message: Message, readonly bytes: number, readonly point: Failpoint | undefined, resolve (offset: bigint): void, reject (error: Error): void }

/** The only writer of one partition: group commit, one send under way, the same batch again until it is acknowledged. */
export class PartitionWriter {
  readonly #options: WriterOptions
  readonly #closed = new AbortController()
  #items: Item[] = []
  #inFlight: readonly Item[] = []
  #busy = false
  #sentAt = 0
  #failing = false
  #producer: Producer | undefined
  #connecting: Promise<Producer> | undefined
  #idle: (() => void)[] = []

  constructor (options: WriterOptions) { this.#options = options }

  /** False from the first failed try, of connecting ahead too, until a batch is acknowledged or the connection stands. */
  get writable (): boolean { return !this.#failing }

  /**
   * Resolves with the record's offset once all in-sync replicas have it, however long that takes.
   *
   * Rejects with `log_refused`, retryable when the queues are full, not when the record is too large or forbidden;
   * with `log_closed` after `close`. A caller that stops waiting changes nothing: the record stays in the queue.
   * `point` is passed when the record has left and its answer is not in; an error there is the caller's alone.
   */
  append (message: NewMessage, point?: Failpoint): Promise<bigint> {
    const bytes = message.value.length + OVERHEAD
    const refusal = this.#refusalOf(bytes)
    if (refusal !== null) return Promise.reject(refusal)
    this.#options.budget.used += bytes
    return new Promise((resolve, reject) => {
      this.#items.push({ message: { ...message, partition: this.#options.partition }, bytes, point, resolve, reject })
      if (this.#busy) return
      this.#busy = true
      // What else arrives in this turn of the event loop goes along: a request costs the broker more than a record.
      setImmediate(() => { void this.#pump() })
    })
  }

  /** Connects ahead, so that the first record does not wait for it; not writable until it stands, and goes on trying. Never throws. */
  async warm (): Promise<void> {
    const { signal } = this.#closed
    // Until the first answer nobody knows whether Kafka is there; the client itself tries for 15 s before it says no.
    this.#failing = true
    for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 2000)) {
      const isConnected = await this.#connected().then(() => true, () => false)
      // From here on the deliveries say how it goes.
      if (isConnected && !this.#busy) this.#failing = false
      if (isConnected || this.#busy) return
      await delay(wait, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Waits until the queue is empty, at most until `deadline` aborts; then rejects what is left and disconnects. */
  async close (deadline: AbortSignal): Promise<void> {
    if (this.#busy && !deadline.aborted) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve)
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    this.#closed.abort()
    const left = [...this.#inFlight, ...this.#items]
    this.#items = []
    const { topic, partition } = this.#options
    this.#settle(left, item => item.reject(new AppError('log_closed', `closed before ${topic}/${partition} acknowledged; the record may be in the log or not`, { retryable: true })))
    const producer = this.#producer
    this.#producer = undefined
    await Promise.race([producer?.disconnect().catch(() => undefined), delay(1000, undefined, { ref: false })])
  }

  /** Sends until acknowledged; gives the offset of the first. Throws only what is refused for good, or at `close`. */
  protected async deliver (messages: Message[]): Promise<bigint> {
    for (let tries = 1, wait = 50; ; tries++, wait = Math.min(wait * 2, 1000)) {
      try {
        const offset = await this.sendOnce(messages)
        this.#resumed(tries)
        return offset
      } catch (error) {
        const { type, message } = rootOf(error)
        if (type !== undefined && PERMANENT.has(type)) {
          this.#drop()
          throw new AppError('log_refused', `${this.#options.topic}/${this.#options.partition} refused ${messages.length} records for good: ${type}`, { cause: error })
        }
        if (this.#closed.signal.aborted) throw error
        if ((type !== undefined && REPLACE.has(type)) || /producer is disconnect/i.test(message)) this.#drop()
        this.#failed(tries, message)
        await delay(wait, undefined, { signal: this.#closed.signal })
      }
    }
  }

  /** One try on the partition's own producer, connected at the first: the process starts while Kafka is away. */
  protected async sendOnce (messages: Message[]): Promise<bigint> {
    const producer = await this.#connected()
    const send = (): ReturnType<Producer['send']> => producer.send({ topic: this.#options.topic, acks: -1, timeout: 3000, messages })
    const [answer] = await (isAnyArmed() ? whenLeft(send, () => this.#left()) : send())
    if (answer?.baseOffset === undefined) throw new Error('the answer names no offset')
    return BigInt(answer.baseOffset)
  }

  async #pump (): Promise<void> {
    while (this.#items.length > 0) {
      await this.#gather()
      const batch = this.#take()
      this.#inFlight = batch
      try {
        const base = await this.deliver(batch.map(item => item.message))
        this.#settle(batch, (item, i) => item.resolve(base + BigInt(i)))
      } catch (error) {
        this.#settle(batch, item => item.reject(error instanceof Error ? error : new Error(String(error))))
      }
      this.#inFlight = []
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The batch goes its way whatever a test has a place do: a second send of it while the first is under way would be a loss of our own making. */
  #left (): void {
    for (const item of this.#inFlight) {
      if (item.point === undefined) continue
      try { failpoint(item.point) } catch (error) { item.reject(error as Error) }
    }
  }

  /** Under load a partition sends every 3 ms and not at once; a record that comes alone never waits. */
  async #gather (): Promise<void> {
    const early = this.#sentAt + GATHER_MS - monotonicMs()
    if (early > 0) await delay(early)
    this.#sentAt = monotonicMs()
  }

  #take (): Item[] {
    let count = 0
    let bytes = 0
    for (const item of this.#items) {
      bytes += item.bytes
      if (count === MAX_BATCH_RECORDS || (count > 0 && bytes > MAX_BATCH_BYTES)) break
      count++
    }
    return this.#items.splice(0, count)
  }

  // `close` settles the batch under way, and its send may end later: then the bytes were given back already.
  #settle (items: readonly Item[], settle: (item: Item, index: number) => void): void {
    if (this.#closed.signal.aborted && items === this.#inFlight) return
    items.forEach((item, i) => {
      this.#options.budget.used -= item.bytes
      settle(item, i)
    })
  }

  #refusalOf (bytes: number): AppError | null {
    const { topic, partition, budget } = this.#options
    if (this.#closed.signal.aborted) return new AppError('log_closed', `append to ${topic}/${partition} after close`)
    if (bytes > MAX_RECORD_BYTES) return new AppError('log_refused', `a record of ${bytes} bytes for ${topic}/${partition} is larger than ${MAX_RECORD_BYTES}`)
    if (budget.used + bytes > budget.limit) return new AppError('log_refused', `the queues to Kafka are full: ${budget.used} bytes wait`, { retryable: true })
    return null
  }

  // One attempt for all who need it: of two producers of a partition one would be left open.
  async #connected (): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    this.#connecting ??= this.#connect().finally(() => { this.#connecting = undefined })
    return await this.#connecting
  }

  async #connect (): Promise<Producer> {
    const producer = this.#options.makeProducer()
    try {
      await producer.connect()
    } catch (error) {
      producer.disconnect().catch(() => undefined)
      throw error
    }
    if (this.#closed.signal.aborted) {
      producer.disconnect().catch(() => undefined)
      throw new Error('closed while connecting')
    }
    this.#producer = producer
    return producer
  }

  #drop (): void {
    this.#producer?.disconnect().catch(() => undefined)
    this.#producer = undefined
  }

  #failed (tries: number, error: string): void {
    const { topic, partition, logger, onRetry } = this.#options
    this.#failing = true
    onRetry()
    logger.log(tries === 1 ? 'warning' : 'debug', 'log_write_failed', { topic, partition, tries, error })
  }

  #resumed (tries: number): void {
    if (!this.#failing) return
    this.#failing = false
    this.#options.logger.log('info', 'log_write_resumed', { topic: this.#options.topic, partition: this.#options.partition, tries })
  }
}

interface Chained { type?: string, message: string, cause?: unknown }

/** kafkajs wraps the broker's answer once per layer of retries; what matters is the innermost. */
function rootOf (error: unknown): Chained {
  let root = error as Chained
  while (root?.cause !== undefined && root.cause !== null && root.cause !== root) root = root.cause as Chained
  return { ...(root?.type === undefined ? {} : { type: root.type }), message: messageOf(root) }
}
