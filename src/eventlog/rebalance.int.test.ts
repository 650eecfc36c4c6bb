import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { services } from '../../test/support/services.ts'
import { createKafka } from '../platform/kafka.ts'
import type { Admin } from '../platform/kafka.ts'
import { createLogger } from '../platform/logger.ts'
import { Registry } from '../platform/metrics.ts'
import { signalOf } from './contract.ts'
import { createKafkaLog } from './kafka-log.ts'
import type { EventLog, Lease, RecordBatch } from './port.ts'
import { initLog } from './topics.ts'

const logger = createLogger('test', 'error', { write: () => undefined })
const TOPIC = 'deal-signals'
const SIGNALS = 400

interface Room { readonly log: EventLog, readonly admin: Admin, readonly prefix: string, readonly members: () => Promise<number>, readonly committed: (partition: number) => Promise<bigint> }

async function setUp (t: TestContext): Promise<Room> {
  const { kafka: brokers, registry } = await services()
  const prefix = `rebalance-${randomBytes(6).toString('hex')}-`
  const options = { kafka: { brokers, clientId: 'test', patience: { sessionMs: 8000, rebalanceMs: 6000 } }, registryUrl: registry, logger, topicPrefix: prefix }
  await initLog(options)
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-rebalance-'))
  const log = await createKafkaLog({ ...options, dataDir, registry: new Registry() })
  const admin = createKafka(options.kafka).admin()
  await admin.connect()
  t.after(async () => { await admin.disconnect(); await log.close(5000); rmSync(dataDir, { recursive: true, force: true }) })
  return {
    log, admin, prefix,
    async members () {
      const { groups: [group] } = await admin.describeGroups([`${prefix}two`])
      return group?.state === 'Stable' ? group.members.length : 0
    },
    async committed (partition) {
      const [topic] = await admin.fetchOffsets({ groupId: `${prefix}two`, topics: [prefix + TOPIC] })
      return BigInt(topic?.partitions.find(one => one.partition === partition)?.offset ?? '-1')
    }
  }
}

/** What the members of the group finished, by partition: offsets of batches whose work went through to the end. */
class Finished {
  readonly #done = new Map<number, Set<bigint>>()
  readonly by = new Set<string>()

  async take (name: string, batch: RecordBatch, lease: Lease): Promise<void> {
    await lease.keepAlive()
    await lease.commit(batch.nextOffset)
    const done = this.#done.get(batch.partition) ?? new Set()
    for (const { offset } of batch.records) done.add(offset)
    this.#done.set(batch.partition, done)
    this.by.add(name)
  }

  has (ends: ReadonlyMap<number, bigint>): boolean {
    return [...ends].every(([partition, end]) => (this.#done.get(partition)?.size ?? 0) === Number(end))
  }
}

test('a member that comes in the middle of a batch takes it over: the former owner commits nothing, and nothing is skipped', { timeout: 120_000 }, async (t) => {
  const { log, members, committed } = await setUp(t)
  for (let i = 0; i < SIGNALS; i += 1) await log.append(signalOf(i % 100))
  const finished = new Finished()
  const gate = Promise.withResolvers<void>()
  const stuck = Promise.withResolvers<{ batch: RecordBatch, lease: Lease }>()
  const tried = Promise.withResolvers<string[]>()
  let first = true
  const slow = await log.subscribe({
    group: 'two', topics: [TOPIC],
    async onBatch (batch, lease) {
      if (!first) return await finished.take('slow', batch, lease)
      first = false
      stuck.resolve({ batch, lease })
      await gate.promise
      const results = await Promise.allSettled([lease.keepAlive(), lease.commit(batch.nextOffset)])
      tried.resolve(results.map(result => result.status))
      throw new Error('the partition was taken away')
    }
  })
  t.after(() => slow.stop())
  const { batch, lease } = await stuck.promise
  const heir = await log.subscribe({ group: 'two', topics: [TOPIC], onBatch: async (one, hold) => { await finished.take('heir', one, hold) } })
  t.after(() => heir.stop())
  await eventually(async () => finished.by.has('heir') && await members() > 0, { deadlineMs: 40_000 })
  const before = await committed(batch.partition)
  gate.resolve()
  assert.deepEqual(await tried.promise, ['rejected', 'rejected'])
  assert.equal(lease.lost.aborted, true)
  const after = await committed(batch.partition)
  assert.ok(after === before || finished.has(new Map([[batch.partition, after]])), 'what a former owner had in hand was committed')
  const ends = await log.ends(TOPIC)
  await eventually(() => finished.has(ends), { deadlineMs: 40_000 })
  assert.ok(finished.by.has('heir'))
})

test('a handler that returns after its partition was taken away does not move the reader past the batch', { timeout: 120_000 }, async (t) => {
  const { log, members } = await setUp(t)
  for (let i = 0; i < SIGNALS; i += 1) await log.append(signalOf(i % 100))
  const finished = new Finished()
  const gate = Promise.withResolvers<void>()
  const stuck = Promise.withResolvers<void>()
  let first = true
  const slow = await log.subscribe({
    group: 'two', topics: [TOPIC],
    async onBatch (batch, lease) {
      if (!first) return await finished.take('slow', batch, lease)
      first = false
      stuck.resolve()
      await gate.promise
    }
  })
  t.after(() => slow.stop())
  await stuck.promise
  const heir = await log.subscribe({ group: 'two', topics: [TOPIC], onBatch: async (one, hold) => { await finished.take('heir', one, hold) } })
  await eventually(async () => finished.by.has('heir') && await members() > 0, { deadlineMs: 40_000 })
  gate.resolve()
  const ends = await log.ends(TOPIC)
  await eventually(() => finished.has(ends), { deadlineMs: 40_000 })
  await heir.stop()
  await log.append(signalOf(1))
  await eventually(async () => finished.has(await log.ends(TOPIC)), { deadlineMs: 40_000 })
})
