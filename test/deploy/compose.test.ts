import { Ajv } from 'ajv'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BASE, DEMO, ROOT, THREE, WAYS, mergeCompose, readCompose } from './compose.ts'
import type { Compose, Service } from './compose.ts'
import { RULES } from './rules.ts'

// The JSON schema of the Compose specification, as dclint ships it.
const schema = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/dclint/schemas/compose.schema.json'), 'utf8')) as { $schema?: string }
delete schema.$schema
const isCompose = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
const faults = (value: unknown): string[] => isCompose(value) ? [] : (isCompose.errors ?? []).map(error => `${error.instancePath} ${error.message ?? ''}`)

for (const file of [BASE, DEMO, THREE]) test(`${file} is a Compose file by the specification's schema`, () => assert.deepEqual(faults(readCompose(file)), []))

for (const [way, files] of Object.entries(WAYS)) {
  test(`${way}: the files together are a Compose file by the specification's schema`, () => assert.deepEqual(faults(mergeCompose(files)), []))
  for (const [name, rule] of Object.entries(RULES)) test(`${way}: ${name}`, () => assert.deepEqual(rule(mergeCompose(files)), []))
}

test('the schema refuses an unknown key, a wrong type and a wrong condition', () => {
  const compose = mergeCompose(WAYS.real)
  const spoiled = (change: object): object => ({ ...compose, services: { ...compose.services, redis: { ...compose.services['redis'], ...change } } })
  for (const change of [{ imagee: 'x' }, { read_only: [] }, { depends_on: { kafka: { condition: 'ready' } } }, { healthcheck: { tests: [] } }]) assert.notDeepEqual(faults(spoiled(change)), [])
})

// Each rule with a change that it must see.
const PLANTED: Readonly<Record<string, (compose: Compose) => void>> = {
  'every image has a full version, ours that of package.json': (compose) => { of(compose, 'redis').image = 'redis:latest' },
  'one service builds an image of ours, the others never ask a registry for it': (compose) => { delete of(compose, 'query').pull_policy },
  'no service has a capability, a new privilege, the engine\'s socket or the network of the host': (compose) => { delete of(compose, 'kafka').cap_drop },
  'every service has a limit of memory and of processes': (compose) => { delete of(compose, 'registry').mem_limit },
  'the root is read-only, with a /tmp in memory, where the image bears it': (compose) => { of(compose, 'ingest').read_only = false },
  'our programs are reaped and have 30 s to end': (compose) => { delete of(compose, 'projector').stop_grace_period },
  'every process of the service runs in a container of its own, with its config': (compose) => { delete compose.services['projector'] },
  'the health of our processes is what their /readyz says': (compose) => { of(compose, 'query').healthcheck = { test: ['CMD', 'node', 'deploy/ready.mjs', 'http://127.0.0.1:8090/readyz'] } },
  'what is waited for exists and can become what it is waited to be': (compose) => { delete of(compose, 'postgres').healthcheck },
  'no secret stands in a file: its value comes from the environment': (compose) => { of(compose, 'postgres').environment = { POSTGRES_PASSWORD: 'dealbridge' } },
  'what is mounted from the checkout is there, and read-only': (compose) => { of(compose, 'ingest').volumes = ['./mappings:/etc/dealbridge/mapping:ro'] },
  'named volumes and networks are declared': (compose) => { of(compose, 'redis').volumes = ['cache:/data'] },
  'the webhooks are open to all, the page to this machine, and nothing else is': (compose) => { of(compose, 'postgres').ports = ['5432:5432'] },
  'what holds data has no way out': (compose) => { of(compose, 'postgres').networks = ['parts', 'edge'] },
  'a shared network belongs to one service, and its guests bring none of their own': (compose) => { of(compose, 'dispatcher').network_mode = 'service:simulator' },
  'only our programs know a secret of a portal': (compose) => { of(compose, 'kafka').environment = { ...of(compose, 'kafka').environment, MAIN_REST_URL: null } },
  'brokers are one cluster of the local parts\' version, each with its own id, name and data': (compose) => { of(compose, 'kafka').environment = { ...of(compose, 'kafka').environment, KAFKA_NODE_ID: '2' } },
  'init makes topics only once every broker is there': (compose) => { compose.services['kafka-2'] = of(compose, 'kafka') }
}

function of (compose: Compose, name: string): Service {
  const service = compose.services[name]
  assert.ok(service !== undefined, name)
  return service
}

test('every rule sees the breach that is planted for it', () => {
  assert.deepEqual(Object.keys(PLANTED).toSorted(), Object.keys(RULES).toSorted())
  for (const [name, plant] of Object.entries(PLANTED)) {
    const compose = mergeCompose(WAYS.real)
    plant(compose)
    assert.notDeepEqual(RULES[name]?.(compose), [], name)
  }
})

test('the demo keeps its data apart from that of real portals', () => {
  assert.notEqual(mergeCompose(WAYS.demo).name, mergeCompose(WAYS.real).name)
})
