import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { services } from '../../test/support/services.ts'
import { createKafka } from '../platform/kafka.ts'
import { partitionOf } from '../platform/kafka-partition.ts'
import { createLogger } from '../platform/logger.ts'
import { Registry } from '../platform/metrics.ts'
import { connectRegistry } from '../platform/schema-registry.ts'
import { collect, logContract, readAll, signalOf } from './contract.ts'
import { createKafkaLog } from './kafka-log.ts'
import type { EventLog } from './port.ts'
import { QUARANTINE, initLog } from './topics.ts'

const logger = createLogger('test', 'error')

async function makeLog (t: TestContext): Promise<{ log: EventLog, prefix: string }> {
  const { kafka, registry } = await services()
  const topicPrefix = `log-${randomBytes(6).toString('hex')}-`
  const options = { kafka: { brokers: kafka, clientId: 'test' }, registryUrl: registry, logger, topicPrefix }
  await initLog(options)
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-log-'))
  const log = await createKafkaLog({ ...options, dataDir, registry: new Registry() })
  t.after(async () => {
    await log.close(5000)
    rmSync(dataDir, { recursive: true, force: true })
  })
  return { log, prefix: topicPrefix }
}

logContract('on Kafka', async t => (await makeLog(t)).log)

test('a record that cannot be decoded goes into quarantine with its bytes and origin, and its partition goes on', { timeout: 60_000 }, async (t) => {
  const { log, prefix } = await makeLog(t)
  const kafka = createKafka({ brokers: (await services()).kafka, clientId: 'test' })
  const bad = Buffer.from('not Avro at all')
  const long = Buffer.alloc(650_000, 'long')
  const partition = partitionOf('west:7')
  await log.append(signalOf('7'))
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: `${prefix}deal-signals`, acks: -1, messages: [bad, long].map(value => ({ key: 'west:7', value, partition })) })
  await producer.disconnect()
  await log.append(signalOf('7'))
  const records = await collect(log, 'quarantines', { enough: seen => seen.some(record => record.offset === 3n) })
  assert.deepEqual([...new Set(records.map(record => Number(record.offset)))], [0, 3])
  assert.deepEqual((await readAll(log)).map(record => Number(record.offset)), [0, 3])

  const consumer = kafka.consumer(`${prefix}look`)
  const found: { key: string, value: string, headers: Record<string, string> }[] = []
  const both = Promise.withResolvers<void>()
  await consumer.connect()
  await consumer.subscribe({ topics: [prefix + QUARANTINE], fromBeginning: true })
  await consumer.run({
    eachMessage: ({ message: { key, value, headers } }) => {
      found.push({ key: String(key), value: String(value), headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])) })
      if (found.length === 2) both.resolve()
      return Promise.resolve()
    }
  })
  await both.promise
  await consumer.disconnect()
  assert.deepEqual(found.slice(0, 2).map(({ key, value }) => [key, value]), [['west:7', bad.toString()], ['west:7', long.toString().slice(0, 600_000)]])
  const { error, ...origin } = found[0]?.headers ?? {}
  assert.deepEqual(origin, { 'origin-topic': 'deal-signals', 'origin-partition': String(partition), 'origin-offset': '1' })
  assert.match(error ?? '', /byte 0/)
})

test('an incompatible version of a schema is refused', { timeout: 60_000 }, async () => {
  const registry = connectRegistry((await services()).registry)
  const name = `Made${randomBytes(6).toString('hex')}`
  const schema = (type: string): string => JSON.stringify({ type: 'record', name, namespace: 'dealbridge.test', fields: [{ name: 'value', type }] })
  const id = await registry.register(`dealbridge.test.${name}`, schema('long'))
  assert.equal(await registry.register(`dealbridge.test.${name}`, schema('long')), id)
  await assert.rejects(registry.register(`dealbridge.test.${name}`, schema('string')), { code: 'schema_incompatible' })
})

test('a registration that was cut off before its rule was set is finished by the next, and the rule holds', { timeout: 60_000 }, async () => {
  const address = (await services()).registry
  const registry = connectRegistry(address)
  const subject = `dealbridge.test.Made${randomBytes(6).toString('hex')}`
  const schema = (type: string): string => JSON.stringify({ type: 'record', name: subject.split('.').at(-1), namespace: 'dealbridge.test', fields: [{ name: 'value', type }] })
  // What the client does first, and then nothing more.
  const cut = await fetch(`${address}/apis/ccompat/v7/subjects/${subject}/versions`, { method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body: JSON.stringify({ schema: schema('long') }) })
  const { id } = await cut.json() as { id: number }
  assert.equal(await registry.register(subject, schema('long')), id)
  await assert.rejects(registry.register(subject, schema('string')), { code: 'schema_incompatible' })
})

test('what waits for its schema when the log is closed is rejected and never appended, also when the registry answers after that', { timeout: 60_000 }, async (t) => {
  const { kafka, registry } = await services()
  const { log: reader, prefix } = await makeLog(t)
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const slow = http.createServer((request, response) => {
    asked.resolve()
    void gate.promise.then(() => request.pipe(http.request(registry + (request.url ?? ''), { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })))
  })
  await new Promise<void>(resolve => slow.listen(0, '127.0.0.1', resolve))
  t.after(() => slow.close())
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-log-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const log = await createKafkaLog({ kafka: { brokers: kafka, clientId: 'test' }, registryUrl: `http://127.0.0.1:${(slow.address() as AddressInfo).port}`, dataDir, logger, registry: new Registry(), topicPrefix: prefix })
  const pending = assert.rejects(log.append(signalOf('1')), { code: 'log_closed' })
  await asked.promise
  await log.close(0)
  gate.resolve()
  await pending
  assert.deepEqual(await readAll(reader), [])
})
