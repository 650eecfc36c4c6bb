import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { createKafkaLog } from '../../src/eventlog/kafka-log.ts'
import type { EventLog, Position } from '../../src/eventlog/port.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { patchKafkajs } from '../../src/platform/kafka-patch.ts'
import { Registry } from '../../src/platform/metrics.ts'
import type { PartsReport } from '../../src/cli/parts/parts.ts'
import { eventually } from '../support/eventually.ts'
import { claimPorts } from '../support/ports.ts'

const CLI = new URL('../../src/main/cli.ts', import.meta.url).pathname
// The kind of a config in Kafka's protocol; kafkajs exports its name as a CommonJS member only.
const TOPIC_CONFIG = 2
const DEALS = 24
// Appends of one deal that are under way at once.
const WAVE = 5

test('three brokers: one killed and brought back, and one frozen, costs no append, no order and no double, and wipe leaves nothing', { timeout: 240_000 }, async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'dealbridge-three-'))
  const dir = path.join(root, 'parts')
  t.after(async () => { await cli('parts', 'down', '--dir', dir, '--wipe'); rmSync(root, { recursive: true, force: true }) })
  const up = ['parts', 'up', '--dir', dir, '--port-base', String(await claimPorts()), '--brokers', '3', '--json']
  const first = await cli(...up) as PartsReport
  assert.deepEqual(Object.keys(first.pids).sort(), ['kafka-1', 'kafka-2', 'kafka-3', 'postgres', 'redis', 'registry'])
  assert.equal(first.kafka.length, 3)
  await cli('init', '--config', configOf(root, first), '--json')

  await t.test('init gives every topic three replicas of which two must have a write', async () => {
    const topics = ['deal-signals', 'deal-transfers', 'quarantine']
    assert.deepEqual(await settingsOf(first, topics), topics.map(topic => ({ topic, replicas: [3], minInSync: '2' })))
  })

  const log = await openLog(t, root, first)
  const appends = appendAlways(log)
  t.after(() => { appends.halt() })
  const victim = `kafka-${randomInt(1, 4)}`
  await t.test(`appends go on while ${victim} is dead, and a second up brings back it alone`, async () => {
    await appends.more(20)
    process.kill(first.pids[victim] ?? assert.fail('no broker'), 'SIGKILL')
    await appends.more(40)
    assert.equal((await cli('parts', 'status', '--dir', dir, '--json') as PartsReport).pids[victim], undefined)
    const again = await cli(...up) as PartsReport
    assert.notEqual(again.pids[victim], first.pids[victim])
    assert.deepEqual({ ...again.pids, [victim]: 0 }, { ...first.pids, [victim]: 0 })
    await appends.more(20)
  })
  await t.test('appends go on while a broker is frozen, which keeps its connections open and answers nothing', async (freeze) => {
    const { pids } = await cli('parts', 'status', '--dir', dir, '--json') as PartsReport
    const frozen = pids[`kafka-${randomInt(1, 4)}`] ?? assert.fail('no broker')
    freeze.after(() => { process.kill(frozen, 'SIGCONT') })
    process.kill(frozen, 'SIGSTOP')
    await appends.more(40)
    process.kill(frozen, 'SIGCONT')
    await appends.more(20)
  })

  const acknowledged = await appends.stop()
  t.diagnostic(`${victim} killed, one frozen; longest wait for an append ${Math.round(appends.longestMs())} ms; ${acknowledged.size} appends`)
  await t.test('what was acknowledged stands at its offset, once, in the order of the appends of its deal', async () => {
    const reader = await openLog(t, root, first)
    const places = new Map<string, string[]>()
    const orders = new Map<string, number[]>()
    await reader.read('deal-signals', new Map(), (batch) => {
      for (const { event, partition, offset } of batch.records) {
        places.set(event.eventId, [...places.get(event.eventId) ?? [], `${partition}/${offset}`])
        orders.set(event.dealId, [...orders.get(event.dealId) ?? [], event.occurredAt])
      }
      return Promise.resolve()
    })
    assert.ok(acknowledged.size >= DEALS * 80, `${acknowledged.size}`)
    assert.equal(places.size, acknowledged.size)
    for (const [id, { partition, offset }] of acknowledged) assert.deepEqual(places.get(id), [`${partition}/${offset}`], id)
    assert.equal(orders.size, DEALS)
    for (const [deal, order] of orders) assert.deepEqual(order, order.map((_, i) => i), `deal ${deal}`)
  })

  await t.test('down --wipe leaves no process and no file', async () => {
    const outside = path.join(dir, 'postgres.at')
    const folders = [dir, ...existsSync(outside) ? [readFileSync(outside, 'utf8').trim()] : []]
    await cli('parts', 'down', '--dir', dir, '--wipe')
    assert.deepEqual(folders.filter(folder => existsSync(folder)), [])
    assert.deepEqual(folders.flatMap(processesThatName), [])
  })
})

/** Runs a command of dealbridge and gives its last line of standard output. */
async function cli (...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args])
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

function configOf (root: string, parts: PartsReport): string {
  const file = path.join(root, 'dealbridge.json')
  const portal = (name: string, role: string): object => ({ name, role, domain: `${name}.bitrix24.ru`, rest_url: 'http://127.0.0.1:9/rest/1/secret/', signal_secret: `signal-${name}`, application_tokens: [`token-${name}`] })
  writeFileSync(file, JSON.stringify({
    version: 1, kafka: { brokers: parts.kafka }, registry: { url: parts.registry }, postgres: { url: parts.postgres }, redis: { url: parts.redis }, data_dir: root,
    ingest: { port: 9 }, query: { port: 9 }, admin: { port_base: 9 }, portals: [portal('west', 'source'), portal('main', 'target')],
    routes: [{ from: 'west', to: 'main', mapping: path.resolve('mapping/partner.yaml') }]
  }))
  return file
}

async function settingsOf (parts: PartsReport, topics: readonly string[]): Promise<unknown[]> {
  patchKafkajs()
  const admin = new Kafka({ brokers: [...parts.kafka], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] })
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: topics.map(name => ({ type: TOPIC_CONFIG, name, configNames: ['min.insync.replicas'] })) })
    return topics.map(topic => ({
      topic,
      replicas: [...new Set(found.find(({ name }) => name === topic)?.partitions.map(partition => partition.replicas.length))],
      minInSync: resources.find(({ resourceName }) => resourceName === topic)?.configEntries[0]?.configValue
    }))
  } finally {
    await admin.disconnect()
  }
}

async function openLog (t: TestContext, dataDir: string, parts: PartsReport): Promise<EventLog> {
  const log = await createKafkaLog({
    kafka: { brokers: parts.kafka, clientId: 'test' }, registryUrl: parts.registry, logger: createLogger('test', 'error', { write () {} }), dataDir, registry: new Registry()
  })
  t.after(() => log.close(5000))
  return log
}

interface Appends {
  /** Waits until each deal has `count` more: one that stands still on a dead broker is not covered by the others. */
  more (count: number): Promise<void>
  stop (): Promise<ReadonlyMap<string, Position>>
  /** Stops without waiting for those under way. */
  halt (): void
  longestMs (): number
}

/** Appends signals of some deals, numbered per deal in `occurredAt`, until it is stopped. */
function appendAlways (log: EventLog): Appends {
  const acknowledged = new Map<string, Position>()
  const counts = Array.from({ length: DEALS }, () => 0)
  let [stopped, longest] = [false, 0]
  async function append (deal: number, number: number): Promise<void> {
    const eventId = randomUUID()
    const began = performance.now()
    acknowledged.set(eventId, await log.append({
      type: 'DealChangeSignalled', eventId, correlationId: eventId, causationId: null, occurredAt: number, portal: 'west', dealId: String(deal),
      kind: 'updated', channel: 'webhook', receivedAt: 0, payload: '{}', payloadHash: '00', repeat: false
    }))
    counts[deal] = number + 1
    longest = Math.max(longest, performance.now() - began)
  }
  async function work (deal: number): Promise<void> {
    for (let number = 0; !stopped; number += WAVE) {
      await Promise.all(Array.from({ length: WAVE }, (_, i) => append(deal, number + i)))
      // Some deals and not a flood: the brokers share two cores with the test.
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
  const all = Promise.all(Array.from({ length: DEALS }, (_, i) => work(i)))
  // Whoever waits for it learns of it; when a test failed earlier nobody does.
  all.catch(() => undefined)
  return {
    async more (count) {
      const goals = counts.map(done => done + count)
      await eventually(() => counts.every((done, deal) => done >= (goals[deal] ?? 0)), { deadlineMs: 60_000 })
    },
    halt () { stopped = true },
    async stop () {
      stopped = true
      await all
      return acknowledged
    },
    longestMs: () => longest
  }
}

function processesThatName (folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return Number(pid) > 0 && Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
    } catch {
      return false
    }
  })
}
