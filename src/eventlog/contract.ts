import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { PARTITIONS, partitionOf } from '../platform/kafka-partition.ts'
import type { DomainEvent, EventLog, Lease, LogRecord, Position, RecordBatch, Topic } from './port.ts'

const TOPIC: Topic = 'deal-signals'
const TIMEOUT = { timeout: 60_000 }

/** A signal about a deal, with an event id of its own. */
export function signalOf (dealId: number | string, more: Partial<DealChangeSignalled> = {}): DealChangeSignalled {
  return {
    type: 'DealChangeSignalled', eventId: randomUUID(), correlationId: randomUUID(), causationId: null, occurredAt: 1_764_000_000_123, portal: 'west', dealId: String(dealId),
    kind: 'updated', channel: 'webhook', receivedAt: 1_764_000_000_100, payload: '{}', payloadHash: '00', repeat: false, order: '', edit: '', editOf: '', ...more
  }
}

const placeOf = ({ topic, partition, offset }: Position): string => `${topic}/${partition}/${offset}`
const keyOf = ({ portal, dealId }: DomainEvent): string => `${portal}:${dealId}`

/** What `read` brings; checks on the way that every batch begins where the one before ended. */
export async function readAll (log: EventLog, topic: Topic = TOPIC, from: ReadonlyMap<number, bigint> = new Map()): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  const next = new Map(from)
  await log.read(topic, from, (batch) => {
    assert.equal(batch.firstOffset, next.get(batch.partition) ?? 0n, `${batch.topic}/${batch.partition}`)
    next.set(batch.partition, batch.nextOffset)
    records.push(...batch.records)
    return Promise.resolve()
  })
  for (const [partition, end] of await log.ends(topic)) assert.ok((next.get(partition) ?? 0n) <= end)
  return records
}

/** Subscribes until `enough` says yes to what has come so far; the handler of the test runs first. */
export async function collect (log: EventLog, group: string, options: { enough (records: readonly LogRecord[]): boolean, onBatch? (batch: RecordBatch, lease: Lease): Promise<void> }): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  const done = Promise.withResolvers<void>()
  const subscription = await log.subscribe({
    group,
    topics: [TOPIC],
    async onBatch (batch, lease) {
      await options.onBatch?.(batch, lease)
      records.push(...batch.records)
      if (options.enough(records)) done.resolve()
    }
  })
  await done.promise
  await subscription.stop()
  return records
}

/** Registers the tests that every EventLog passes; `make` gives an empty one and lets go of it after the test. */
export function logContract (name: string, make: (t: TestContext) => Promise<EventLog>): void {
  registerAppendAndRead(name, make)
  registerGroups(name, make)
}

function registerAppendAndRead (name: string, make: (t: TestContext) => Promise<EventLog>): void {
  void test(`${name}: offsets are dense from 0, the order of a key is kept, a record is read where append said`, TIMEOUT, async (t) => {
    const log = await make(t)
    const events = Array.from({ length: 300 }, (_, i) => signalOf(i % 20))
    const positions = await Promise.all(events.map((event, i) => log.append(event, i === 0 ? '00-aa-bb-01' : null)))
    for (const [i, { topic, partition }] of positions.entries()) assert.deepEqual([topic, partition], [TOPIC, partitionOf(keyOf(events[i] as DomainEvent))])
    const records = await readAll(log)
    const read = new Map(records.map(record => [record.event.eventId, record]))
    assert.equal(records.length, events.length)
    assert.deepEqual(events.map(event => placeOf(read.get(event.eventId) as LogRecord)), positions.map(placeOf))
    assert.deepEqual(events.map(event => ({ ...read.get(event.eventId)?.event })), events)
    assert.deepEqual([read.get(events[0]?.eventId ?? '')?.traceparent, read.get(events[1]?.eventId ?? '')?.traceparent], ['00-aa-bb-01', null])
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const line = records.filter(record => record.partition === partition)
      assert.deepEqual(line.map(record => record.offset), line.map((_, i) => BigInt(i)))
    }
    for (const key of new Set(events.map(keyOf))) {
      const ids = (of: readonly DomainEvent[]): string[] => of.filter(event => keyOf(event) === key).map(event => event.eventId)
      assert.deepEqual(ids(records.map(record => record.event)), ids(events))
    }
  })

  void test(`${name}: ends and reading from a position to the ends`, TIMEOUT, async (t) => {
    const log = await make(t)
    const none = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, 0n]))
    assert.deepEqual(await log.ends(TOPIC), none)
    assert.deepEqual(await readAll(log), [])
    const positions: Position[] = []
    for (let i = 0; i < 8; i += 1) positions.push(await log.append(signalOf('7')))
    const { partition } = positions[0] as Position
    assert.deepEqual(await log.ends(TOPIC), new Map([...none, [partition, 8n]]))
    assert.deepEqual(await log.ends('deal-transfers'), none)
    assert.deepEqual((await readAll(log, TOPIC, new Map([[partition, 5n]]))).map(placeOf), positions.slice(5).map(placeOf))
    assert.deepEqual(await readAll(log, TOPIC, await log.ends(TOPIC)), [])
    await assert.rejects(log.read(TOPIC, new Map(), () => Promise.reject(new Error('the handler fails'))), /the handler fails/)
  })

  void test(`${name}: after close nothing is appended, and what was appended stays`, TIMEOUT, async (t) => {
    const log = await make(t)
    const pending = log.append(signalOf('1'))
    assert.equal(log.isWritable(), true)
    const { partition } = await pending
    await log.close(5000)
    await assert.rejects(log.append(signalOf('1')), { code: 'log_closed' })
    assert.equal((await log.ends(TOPIC)).get(partition), 1n)
  })
}

function registerGroups (name: string, make: (t: TestContext) => Promise<EventLog>): void {
  void test(`${name}: a new group begins at the start, a known one at its commit, and what is appended later arrives`, TIMEOUT, async (t) => {
    const log = await make(t)
    const places = (records: readonly LogRecord[]): string[] => [...new Set(records.map(placeOf))]
    const first: string[] = []
    for (let i = 0; i < 5; i += 1) first.push(placeOf(await log.append(signalOf('7'))))
    const commit = (batch: RecordBatch, lease: Lease): Promise<void> => lease.commit(batch.nextOffset)
    assert.deepEqual(places(await collect(log, 'one', { enough: records => records.length >= 5, onBatch: commit })), first)
    assert.deepEqual(places(await collect(log, 'two', { enough: records => records.length >= 5 })), first)
    const later = placeOf(await log.append(signalOf('7')))
    assert.deepEqual(places(await collect(log, 'one', { enough: records => records.length >= 1 })), [later])
    assert.deepEqual(places(await collect(log, 'two', { enough: records => records.length >= 6 })), [...first, later])
  })

  void test(`${name}: seek delivers again, and so does a handler that throws`, TIMEOUT, async (t) => {
    const log = await make(t)
    for (let i = 0; i < 4; i += 1) await log.append(signalOf('7'))
    let sought = false
    const twice = await collect(log, 'seeks', {
      enough: records => records.filter(record => record.offset === 3n).length === 2,
      onBatch (batch, lease) {
        if (!sought && batch.nextOffset === 4n) {
          sought = true
          lease.seek(1n)
        }
        return lease.keepAlive()
      }
    })
    assert.deepEqual(twice.map(record => Number(record.offset)), [0, 1, 2, 3, 1, 2, 3])
    let failures = 0
    const again = await collect(log, 'fails', {
      enough: records => records.some(record => record.offset === 3n),
      onBatch () {
        failures += 1
        return failures < 3 ? Promise.reject(new TypeError('a bug of the handler')) : Promise.resolve()
      }
    })
    assert.deepEqual(again.map(record => Number(record.offset)), [0, 1, 2, 3])
  })
}
