import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Where the demo's pieces listen; all in one range of ports. */
export interface World {
  readonly dir: string
  readonly configFile: string
  readonly simulatorFile: string
  readonly control: string
  readonly query: string
  readonly key: string
  readonly partsBase: number
}

const KEY = 'demo-key-for-the-live-page-00001'
const CUSTOM = { source: ['UF_CRM_SOURCE_ID', 'UF_CRM_CONTRACT'], target: ['UF_CRM_PARTNER_ID', 'UF_CRM_ESB_CONTRACT', 'UF_CRM_IMPORT_DATE'] }

/** Writes the config of the service and of three simulated portals into `dir`; `base` is the first of 100 free ports. */
export function makeWorld (dir: string, base: number, mapping: string): World {
  mkdirSync(dir, { recursive: true })
  const ports = { parts: base, ingest: base + 60, query: base + 61, admin: base + 62, control: base + 70, acme: base + 71, beta: base + 72, main: base + 73 }
  const source = (name: string, firstId: number, port: number): object => ({
    name, port, domain: `${name}.bitrix24.ru`, user_id: 1, secret: `secret-${name}`, zone: '+03:00', latency_ms: 50, first_id: firstId,
    funnels: [{ id: 0 }, { id: 1 }],
    custom_fields: CUSTOM.source.map(field => ({ name: field, type: 'string' })),
    webhooks: [{ url: `http://127.0.0.1:${ports.ingest}/webhook/bitrix24/signal-${name}`, kind: 'ui', application_token: `token-${name}` }]
  })
  const target = { name: 'main', port: ports.main, domain: 'main.bitrix24.ru', user_id: 1, secret: 'secret-main', zone: '+03:00', latency_ms: 50, first_id: 500000, custom_fields: CUSTOM.target.map(name => ({ name, type: 'string' })), webhooks: [] }
  const simulatorFile = path.join(dir, 'simulator.json')
  writeFileSync(simulatorFile, JSON.stringify({ control_port: ports.control, seed: 1, portals: [source('acme', 1000, ports.acme), source('beta', 7000, ports.beta), target] }, null, 2))
  const partner = (name: string, port: number): object => ({
    name, role: 'source', domain: `${name}.bitrix24.ru`, rest_url: `http://127.0.0.1:${port}/rest/1/secret-${name}/`, signal_secret: `signal-${name}`, application_tokens: [`token-${name}`]
  })
  const configFile = path.join(dir, 'dealbridge.json')
  writeFileSync(configFile, JSON.stringify({
    version: 1,
    kafka: { brokers: [`127.0.0.1:${ports.parts}`] },
    registry: { url: `http://127.0.0.1:${ports.parts + 1}` },
    postgres: { url: `postgres://dealbridge:dealbridge@127.0.0.1:${ports.parts + 2}/dealbridge` },
    redis: { url: `redis://127.0.0.1:${ports.parts + 3}` },
    data_dir: path.join(dir, 'data'),
    log_level: 'warning',
    ingest: { port: ports.ingest },
    query: { port: ports.query, api_keys: [{ name: 'demo', key: KEY, role: 'operator' }] },
    admin: { port_base: ports.admin },
    portals: [partner('acme', ports.acme), partner('beta', ports.beta), { name: 'main', role: 'target', domain: 'main.bitrix24.ru', rest_url: `http://127.0.0.1:${ports.main}/rest/1/secret-main/` }],
    routes: [{ from: '*', to: 'main', mapping }]
  }, null, 2))
  return { dir, configFile, simulatorFile, control: `http://127.0.0.1:${ports.control}`, query: `http://127.0.0.1:${ports.query}`, key: KEY, partsBase: ports.parts }
}
