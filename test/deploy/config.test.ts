import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { makeWorld } from '../../demo/world.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { PROCESSES } from '../../src/main/process.ts'
import { ROOT, WAYS, mergeCompose, readCompose } from './compose.ts'
import type { Service } from './compose.ts'
import { mounted } from './mounted.ts'

const yaml = (file: string): Record<string, unknown> => parse(readFileSync(path.join(ROOT, file), 'utf8')) as Record<string, unknown>
const VALUES: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: 'letters1', QUERY_KEY: 'q'.repeat(32), ACME_SIGNAL_SECRET: 'signal-acme', ACME_REST_URL: 'https://acme.bitrix24.ru/rest/1/x/', MAIN_REST_URL: 'https://main.bitrix24.ru/rest/1/x/'
}

/** What a container of this service finds in its environment when .env is filled in. */
function environmentOf (service: Service | undefined): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(service?.environment ?? {}).map(([name, value]) => [name, value ?? VALUES[name]]))
}

for (const [way, files] of Object.entries(WAYS)) {
  test(`${way}: the config that each process finds in its container is right, and listens where the Compose file says`, (t) => {
    const compose = mergeCompose(files)
    for (const name of ['init', ...Object.keys(PROCESSES)]) {
      const service = compose.services[name]
      const config = loadConfig(path.join(mounted(t, service), 'etc/dealbridge/dealbridge.yaml'), environmentOf(service))
      assert.deepEqual([config.ingest.port, config.query.port, config.admin.port_base], [8000, 8010, 8090])
      assert.deepEqual([config.ingest.host, config.query.host], ['0.0.0.0', '0.0.0.0'])
      assert.deepEqual(config.kafka.brokers, Object.keys(compose.services).filter(part => part.startsWith('kafka')).map(part => `${part}:9092`))
      assert.ok(config.query.api_keys.some(key => key.role === 'operator'), 'nobody could read anything')
      for (const address of [config.registry.url, config.postgres.url, config.redis.url]) assert.ok(new URL(address).hostname in compose.services, address)
      assert.ok(service?.volumes?.includes(`data:${config.data_dir}`))
    }
  })
}

test('env.example names each variable of the Compose file, with no value', () => {
  const names = readFileSync(path.join(ROOT, 'deploy/env.example'), 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const wanted = Object.keys((readCompose('docker-compose.yml')['x-dealbridge'] as Service).environment ?? {})
  assert.deepEqual(names.toSorted(), wanted.map(name => `${name}=`).toSorted())
})

test('the config for three brokers is the one for a single broker, but for the brokers', () => {
  const [one, three] = [yaml('deploy/dealbridge.yaml'), yaml('deploy/three-brokers/dealbridge.yaml')]
  assert.deepEqual({ ...three, kafka: one['kafka'] }, one)
})

test('the demo in containers has the portals, routes and keys of `npm start`', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-world-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const world = makeWorld(dir, 20000, 'mapping/partner.yaml')
  // Hosts and ports are the only difference there may be.
  const shape = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replace(/(127\.0\.0\.1|ingest):\d+/g, 'HOST').replace(/"(control_)?port":\d+,?/g, '')) as unknown
  const local = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  assert.deepEqual(shape(yaml('deploy/demo/simulator.yaml')), shape(local(world.simulatorFile)))
  const [contained, started] = [yaml('deploy/demo/dealbridge.yaml'), local(world.configFile)]
  for (const key of ['portals', 'routes', 'log_level']) assert.deepEqual(shape(contained[key]), shape(started[key]), key)
  assert.deepEqual((contained['query'] as { api_keys: unknown }).api_keys, (started['query'] as { api_keys: unknown }).api_keys)
})

test('the demo\'s dispatcher reaches the portals on its own loopback address, and the people know the right doors and the key', () => {
  const { dispatcher, sweep, people } = mergeCompose(WAYS.demo).services
  const simulator = yaml('deploy/demo/simulator.yaml') as { control_port: number, portals: { name: string, port: number, secret: string }[] }
  const config = yaml('deploy/demo/dealbridge.yaml') as { portals: { name: string, rest_url: string }[], query: { api_keys: { key: string }[] } }
  assert.deepEqual([dispatcher, sweep, people].map(service => service?.network_mode), Array(3).fill('service:simulator'))
  assert.deepEqual(config.portals.map(portal => portal.rest_url), simulator.portals.map(portal => `http://127.0.0.1:${portal.port}/rest/1/${portal.secret}/`))
  assert.deepEqual(people?.command, ['--control', `http://127.0.0.1:${simulator.control_port}`, '--query', 'http://query:8010', '--key', config.query.api_keys[0]?.key, '--page', 'http://localhost:8010'])
})

test('in the demo every process that calls portals stands in the network of the simulator', () => {
  const [real, demo] = [mergeCompose(WAYS.real).services, mergeCompose(WAYS.demo).services]
  // On the edge to call out, not to be called: nothing of it is published.
  const callers = Object.keys(PROCESSES).filter(name => real[name]?.networks?.includes('edge') === true && real[name].ports === undefined)
  assert.ok(callers.includes('dispatcher') && callers.includes('sweep'))
  for (const name of callers) assert.equal(demo[name]?.network_mode, 'service:simulator', name)
})
