import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog, Lease, RecordBatch, Subscription, Topic } from '../eventlog/port.ts'
import { failpoint } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Registry } from '../platform/metrics.ts'
import type { Pool } from '../platform/postgres.ts'
import { applyChunk } from './chunk.ts'
import type { Chunk, ChunkResult } from './chunk.ts'
import { registerSignalSums } from './signal-sums.ts'
import { createTelemetry } from './telemetry.ts'

const TOPICS: readonly Topic[] = ['deal-signals', 'deal-transfers']
const CHUNK_RECORDS = 500

export interface ProjectorDeps {
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly registry: Registry
  /** For tests that plant a bug: what takes the place of the one transaction per chunk. */
  readonly apply?: (pool: Pool, chunk: Chunk) => Promise<ChunkResult>
}

export interface Projector {
  /** Joins the group; rejects when the log cannot be reached. A second call gives the first one's promise. */
  start (): Promise<void>
  /** Finishes the chunk in hand and leaves the group. */
  stop (): Promise<void>
  readonly readiness: () => Promise<readonly string[]>
  /** Resolves when the consumer died for good; the process must then end with exit code 1. */
  readonly dead: Promise<Error>
}

/**
 * The reader of both topics that keeps the read models (group `projector`).
 *
 * Promises that rows and checkpoint move together, that no record is left out and none is counted twice, whatever is
 * delivered again. While PostgreSQL is away every batch fails after a growing pause and comes again; nothing is lost.
 */
export function createProjector ({ log, pool, logger, registry, apply = applyChunk }: ProjectorDeps): Projector {
  const telemetry = createTelemetry(registry)
  registerSignalSums(registry, pool)
  const died = Promise.withResolvers<Error>()
  const stopping = new AbortController()
  let subscription: Promise<Subscription> | undefined
  let joined: Subscription | undefined
  let troubles = 0

  async function onBatch (batch: RecordBatch, lease: Lease): Promise<void> {
    for (const chunk of chunks(batch)) {
      if (stopping.signal.aborted || lease.lost.aborted) return lease.seek(chunk.from)
      const result = await attempt(chunk, lease)
      if (result.kind === 'gap') return await onGap(chunk, result.expected, lease)
      troubles = 0
      for (const { event, offset } of chunk.records) logger.log('debug', 'event_projected', { portal: event.portal, source_deal_id: event.dealId, what: event.type, topic: chunk.topic, offset }, event.correlationId)
      telemetry.projected(chunk.topic, result.records, chunk.records.at(-1)?.event.occurredAt ?? null)
      await lease.keepAlive()
    }
    failpoint('K24')
    // A hint only: the checkpoint beside the rows decides where the next start begins.
    await lease.commit(batch.nextOffset)
  }

  async function attempt (chunk: Chunk, lease: Lease): Promise<ChunkResult> {
    try { return await apply(pool, chunk) } catch (error) {
      telemetry.failed()
      logger.log('warning', 'projection_failed', { topic: chunk.topic, partition: chunk.partition, offset: chunk.from, count: chunk.records.length, error: messageOf(error) })
      await pause(lease)
      throw new Error(`the chunk from ${chunk.from} of ${chunk.topic} ${chunk.partition} was rolled back and comes again`, { cause: error })
    }
  }

  async function onGap (chunk: Chunk, expected: bigint, lease: Lease): Promise<void> {
    telemetry.gap(chunk.topic)
    logger.log('warning', 'projection_gap', { topic: chunk.topic, partition: chunk.partition, offset: chunk.from, what: `expected ${expected}` })
    // The first gap after good work is where the group's hint stood; only one that stays deserves a pause.
    if (troubles > 0) await pause(lease)
    else troubles++
    lease.seek(expected)
  }

  async function pause (lease: Lease): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, lease.lost])
    await sleep(Math.min(100 * 2 ** Math.min(troubles++, 5), 2000), undefined, { signal }).catch(() => undefined)
  }

  return {
    dead: died.promise,
    async start () {
      if (stopping.signal.aborted) return
      subscription ??= log.subscribe({ group: 'projector', topics: TOPICS, onBatch })
      joined = await subscription.catch((error: unknown) => { subscription = undefined; throw error })
      void joined.dead.then(died.resolve)
    },
    async stop () {
      stopping.abort()
      const left = await subscription?.catch(() => undefined)
      await left?.stop()
    },
    async readiness () {
      // Never waits for a start that is under way: while Kafka is away that can take for ever.
      const missing = joined?.isHealthy() === true && !stopping.signal.aborted ? [] : ['kafka']
      return await isReadable(pool) ? missing : [...missing, 'postgres']
    }
  }
}

async function isReadable (pool: Pool): Promise<boolean> {
  return await pool.query('select 1 from read_v1.checkpoint limit 1').then(() => true, () => false)
}

function* chunks (batch: RecordBatch): Generator<Chunk> {
  const { topic, partition, records } = batch
  let from = batch.firstOffset
  for (let i = 0; i === 0 || i < records.length; i += CHUNK_RECORDS) {
    const part = records.slice(i, i + CHUNK_RECORDS)
    const isLast = i + CHUNK_RECORDS >= records.length
    const next = isLast ? batch.nextOffset : (part.at(-1)?.offset ?? from) + 1n
    yield { topic, partition, from, next, records: part }
    from = next
  }
}
