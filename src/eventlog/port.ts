import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import type { TransferEvent } from '../domain/transfer/events.ts'

/** The two event topics. Key `<portal>:<dealId>`, same partitions, so one deal is one ordered line in each. */
export type Topic = 'deal-signals' | 'deal-transfers'

export type DomainEvent = DealChangeSignalled | TransferEvent

/** Where a record stands in the log. */
export interface Position { readonly topic: Topic, readonly partition: number, readonly offset: bigint }

/** A decoded record. `event` is at the newest version (upcast). `traceparent` comes from the headers, or null. */
export interface LogRecord extends Position { readonly event: DomainEvent, readonly traceparent: string | null }

/**
 * Records of one partition in rising offsets. `nextOffset` is the offset after the last record that was fetched:
 * beyond the last of `records` when undecodable ones were put into quarantine on the way.
 */
export interface RecordBatch {
  readonly topic: Topic
  readonly partition: number
  readonly firstOffset: bigint
  readonly nextOffset: bigint
  readonly records: readonly LogRecord[]
}

/** The handler's hold on a partition while it works on a batch. */
export interface Lease {
  /** Call between chunks of work; throws when the partition was taken away. */
  keepAlive (): Promise<void>
  /** Makes the next start-up begin at `next`, a hint only: the handler's own checkpoint decides. */
  commit (next: bigint): Promise<void>
  /** Asks that this partition is delivered again from `offset`, as the checkpoint says. */
  seek (offset: bigint): void
  readonly lost: AbortSignal
}

export interface Subscription {
  stop (): Promise<void>
  /** Resolves when the consumer died for good; the process must then end with exit code 1. */
  readonly dead: Promise<Error>
  /** True while the consumer polls: group joined, last fetch under 30 s ago. */
  isHealthy (): boolean
}

/** The log as everybody but its adapter sees it. One contract suite runs against the twin in memory and against Kafka. */
export interface EventLog {
  /** Resolves once the record is acknowledged by all in-sync replicas; rejects only for good (too large, no permission). */
  append (event: DomainEvent, traceparent?: string | null): Promise<Position>
  subscribe (options: { group: string, topics: readonly Topic[], onBatch (batch: RecordBatch, lease: Lease): Promise<void> }): Promise<Subscription>
  /** The offset after the last record of each partition. */
  ends (topic: Topic): Promise<Map<number, bigint>>
  /** Reads from `from` (missing partitions: 0) to the ends as they are at the call; no group state stays behind. */
  read (topic: Topic, from: ReadonlyMap<number, bigint>, onBatch: (batch: RecordBatch) => Promise<void>): Promise<void>
  /** Whether appends are going through now: false from the first failed try of any partition until it succeeds. */
  isWritable (): boolean
  /** Waits until what was appended is acknowledged, at most `deadlineMs`, then lets go of everything. */
  close (deadlineMs: number): Promise<void>
}
