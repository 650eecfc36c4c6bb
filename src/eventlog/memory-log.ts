import { AppError } from '../platform/errors.ts'
import { PARTITIONS, partitionOf } from '../platform/kafka-partition.ts'
import type { EventLog, Lease, LogRecord, RecordBatch, Subscription, Topic } from './port.ts'

interface Member {
  readonly topics: readonly Topic[]
  readonly onBatch: (batch: RecordBatch, lease: Lease) => Promise<void>
  /** The partitions whose handler runs now, by line. */
  readonly busy: Map<string, Promise<void>>
  stopped: boolean
}

interface Group {
  readonly members: Member[]
  readonly committed: Map<string, bigint>
  /** Where each partition is read next; empty after a change of members, so that all begin at what was committed. */
  readonly next: Map<string, bigint>
  lost: AbortController
}

const BATCH_RECORDS = 500
const RETRY_MS = 20

/**
 * The log's twin in memory, for tests: the same order, offsets and groups as on Kafka, without the codec. A handler
 * that throws gets its batch again. Members of a group share its partitions; each change begins at what was committed.
 */
export function createMemoryLog (): EventLog {
  const lines = new Map<string, LogRecord[]>()
  const groups = new Map<string, Group>()
  let closed = false

  const lineOf = (topic: Topic, partition: number): LogRecord[] => {
    const name = `${topic}/${partition}`
    const line = lines.get(name) ?? []
    lines.set(name, line)
    return line
  }

  function append (event: Parameters<EventLog['append']>[0], traceparent: string | null = null): ReturnType<EventLog['append']> {
    if (closed) return Promise.reject(new AppError('log_closed', 'append after close'))
    const topic: Topic = event.type === 'DealChangeSignalled' ? 'deal-signals' : 'deal-transfers'
    const partition = partitionOf(`${event.portal}:${event.dealId}`)
    const line = lineOf(topic, partition)
    const position = { topic, partition, offset: BigInt(line.length) }
    line.push({ ...position, event: structuredClone(event), traceparent })
    for (const group of groups.values()) kick(group)
    return Promise.resolve(position)
  }

  /** Starts the handler for every partition that has records to read and is not being worked on. */
  function kick (group: Group): void {
    for (const topic of new Set(group.members.flatMap(member => member.topics))) {
      const members = group.members.filter(member => member.topics.includes(topic))
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const name = `${topic}/${partition}`
        const member = members[partition % members.length]
        if (member === undefined || member.busy.has(name)) continue
        const batch = batchAt(topic, partition, nextOf(group, name))
        if (batch !== undefined) member.busy.set(name, work(group, member, batch))
      }
    }
  }

  function batchAt (topic: Topic, partition: number, firstOffset: bigint): RecordBatch | undefined {
    const records = lineOf(topic, partition).slice(Number(firstOffset), Number(firstOffset) + BATCH_RECORDS)
    if (records.length === 0) return undefined
    return { topic, partition, firstOffset, nextOffset: firstOffset + BigInt(records.length), records }
  }

  async function work (group: Group, member: Member, batch: RecordBatch): Promise<void> {
    const name = `${batch.topic}/${batch.partition}`
    const lost = group.lost.signal
    let sought: bigint | undefined
    const check = (): Promise<void> => lost.aborted ? Promise.reject(new Error('the partition was taken away')) : Promise.resolve()
    const lease: Lease = {
      lost,
      keepAlive: check,
      commit: next => check().then(() => { group.committed.set(name, next) }),
      seek: (offset) => { sought = offset }
    }
    // Never within the caller's turn: on Kafka the handler does not run inside append either.
    await new Promise(resolve => setImmediate(resolve))
    try {
      await member.onBatch(batch, lease)
      sought ??= batch.nextOffset
    } catch {
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
    }
    if (!lost.aborted && sought !== undefined) group.next.set(name, sought)
    member.busy.delete(name)
    kick(group)
  }

  function subscribe (options: Parameters<EventLog['subscribe']>[0]): Promise<Subscription> {
    const group: Group = groups.get(options.group) ?? { members: [], committed: new Map(), next: new Map(), lost: new AbortController() }
    groups.set(options.group, group)
    const member: Member = { topics: options.topics, onBatch: (batch, lease) => options.onBatch(batch, lease), busy: new Map(), stopped: false }
    group.members.push(member)
    rebalance(group)
    return Promise.resolve({
      dead: new Promise<Error>(() => undefined),
      isHealthy: () => !member.stopped,
      async stop () {
        if (!member.stopped) {
          member.stopped = true
          group.members.splice(group.members.indexOf(member), 1)
          rebalance(group)
        }
        await Promise.all(member.busy.values())
      }
    })
  }

  function rebalance (group: Group): void {
    group.lost.abort()
    group.lost = new AbortController()
    group.next.clear()
    kick(group)
  }

  async function read (topic: Topic, from: ReadonlyMap<number, bigint>, onBatch: (batch: RecordBatch) => Promise<void>): Promise<void> {
    for (const [partition, end] of endsOf(topic)) {
      for (let next = from.get(partition) ?? 0n; next < end;) {
        const batch = batchAt(topic, partition, next)
        if (batch === undefined) break
        const nextOffset = batch.nextOffset < end ? batch.nextOffset : end
        await onBatch({ ...batch, nextOffset, records: batch.records.filter(record => record.offset < end) })
        next = nextOffset
      }
    }
  }

  function endsOf (topic: Topic): Map<number, bigint> {
    return new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, BigInt(lineOf(topic, partition).length)]))
  }

  return {
    append,
    subscribe,
    read,
    ends: topic => Promise.resolve(endsOf(topic)),
    isWritable: () => true,
    close () {
      closed = true
      return Promise.resolve()
    }
  }
}

function nextOf (group: Group, line: string): bigint {
  return group.next.get(line) ?? group.committed.get(line) ?? 0n
}
