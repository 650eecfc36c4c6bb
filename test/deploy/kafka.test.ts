import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { kafkaParts } from '../../src/cli/parts/kafka.ts'
import { ROOT, WAYS, mergeCompose, settingsOf } from './compose.ts'

// Where they stand: addresses and folders differ, everything else must not.
const PLACES = new Set(['controller.quorum.voters', 'listeners', 'advertised.listeners', 'log.dirs'])
const NOT_SETTINGS = new Set(['CLUSTER_ID', 'KAFKA_HEAP_OPTS'])

/** The properties that `parts up` gives to each of so many brokers. */
async function localBrokers (t: TestContext, brokers: 1 | 3): Promise<Record<string, string>[]> {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-brokers-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const found = { java: '', javaRegistry: '', javaVersion: 21, kafkaLibs: '', registryDir: '', redisServer: '', postgresBin: '' }
  const parts = kafkaParts({ dir, portBase: 19000, brokers, clusterId: 'unused' }, found)
  return await Promise.all(parts.map(async (part) => {
    // With a data folder in place nothing is formatted; only the properties are written.
    mkdirSync(path.join(dir, part.name))
    await part.prepare()
    const lines = readFileSync(path.join(dir, `${part.name}.properties`), 'utf8').trim().split('\n')
    return Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  }))
}

function inContainers (way: keyof typeof WAYS): Record<string, string>[] {
  const brokers = Object.entries(mergeCompose(WAYS[way]).services).filter(([name]) => name.startsWith('kafka'))
  return brokers.map(([, service]) => Object.fromEntries(Object.entries(settingsOf(service))
    .filter(([name]) => !NOT_SETTINGS.has(name)).map(([name, value]) => [name.replace(/^KAFKA_/, '').toLowerCase().replaceAll('_', '.'), value])))
}

const settings = (broker: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(broker).filter(([name]) => !PLACES.has(name)).toSorted())

for (const [way, brokers] of [['real', 1], ['demo', 1], ['three brokers', 3]] as const) {
  test(`${way}: each broker in a container has exactly the settings of the local parts`, async (t) => {
    const [local, contained] = [await localBrokers(t, brokers), inContainers(way)]
    assert.equal(contained.length, brokers)
    assert.deepEqual(contained.map(settings), local.map(settings))
    for (const broker of contained) assert.deepEqual(Object.keys(broker).toSorted(), Object.keys(local[0] ?? {}).toSorted())
  })
}

test('a record is on three brokers and acknowledged by two, also in Kafka\'s own topics, where there are three', () => {
  for (const broker of inContainers('three brokers')) {
    for (const [name, value] of Object.entries(broker)) {
      if (name.endsWith('replication.factor')) assert.equal(value, '3', name)
      if (name.endsWith('min.isr') || name === 'min.insync.replicas') assert.equal(value, '2', name)
    }
    assert.equal(broker['unclean.leader.election.enable'], 'false')
  }
})

test('the images of Kafka and of the registry have the versions that set-up brings', () => {
  const setup = readFileSync(path.join(ROOT, 'scripts/setup/places.mjs'), 'utf8')
  const { kafka, registry } = mergeCompose(WAYS.real).services
  assert.equal(kafka?.image, `apache/kafka:${/const KAFKA = '([\d.]+)'/.exec(setup)?.[1]}`)
  assert.equal(registry?.image, `apicurio/apicurio-registry:${/const REGISTRY = '([\d.]+)'/.exec(setup)?.[1]}`)
})
