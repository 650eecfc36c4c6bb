import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PortalConfig } from '../../simulator/config.ts'
import { startSimulator } from '../../simulator/simulator.ts'
import type { Simulator } from '../../simulator/simulator.ts'
import { partsDown, partsStatus, partsUp } from '../../src/cli/parts/parts.ts'
import type { PartsReport } from '../../src/cli/parts/parts.ts'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'
import { eventually } from './eventually.ts'
import { claimPorts, freePort } from './ports.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const MAPPING = fileURLToPath(new URL('../../mapping/partner.yaml', import.meta.url))
export const KEY = 'test-key-for-query-and-ingest-01'

export interface Summary { readonly signals: number, readonly open: number, readonly ends: Readonly<Record<string, number>>, readonly deferred: number, readonly unknown: number }
export interface Deal { readonly portal: string, readonly deal_id: number, readonly target_deal_id: number | null, readonly state: string, readonly reason: string | null, readonly title: string | null, readonly stage: string | null }

/** What ends with the caller: a test's context, or a list of endings. */
export interface Holder { after (end: () => unknown): void }

/** A started `dealbridge run`. */
export interface Program {
  readonly child: ChildProcess
  /** Resolves at its `{"ready":…}` line; rejects when it ends before, or after a minute. */
  readonly ready: () => Promise<void>
  /** The lines of its log, parsed. */
  readonly log: () => LogLine[]
}
export interface LogLine { readonly level: string, readonly service: string, readonly event: string, readonly correlation_id: string | null, readonly details: Readonly<Record<string, unknown>> }

/** A whole dealbridge on real parts of its own, with source portals and a target that are simulated in this process. */
export interface System {
  readonly simulator: Simulator
  readonly parts: PartsReport
  /** The config file of all its processes. */
  readonly config: string
  readonly ingest: string
  readonly query: string
  summary (): Promise<Summary>
  deal (portal: string, id: number): Promise<Deal | undefined>
  get (path: string): Promise<unknown>
  /** The first admin port; what stands behind it: contract 3. */
  readonly admin: number
  /** Starts processes of the service by name and waits until they are ready. */
  run (...names: string[]): Promise<ChildProcess>
  /** Starts processes and waits for nothing. */
  begin (...names: string[]): Program
  /** The same beside others of their kind: with admin ports of their own. */
  beginMore (adminBase: number, ...names: string[]): Program
  /** Waits until every signal has its end and gives the summary. */
  settled (signals: number, deadlineMs?: number): Promise<Summary>
  restartParts (): Promise<void>
  /** The pids of the parts as they run now. */
  partPids (): Promise<Readonly<Record<string, number>>>
}

/** `sources`: the names of the source portals. `targetDoor`: the port of a proxy by which the service reaches the target. */
export interface SystemOptions {
  readonly sources?: readonly string[]
  readonly target?: Partial<PortalConfig>
  readonly source?: Partial<PortalConfig>
  readonly targetDoor?: number
  readonly logLevel?: 'debug' | 'info'
  readonly sweep?: { readonly every: string, readonly full_every: string }
  readonly mapping?: string
}

/** Brings everything up but the service's own processes; all of it ends with the test. */
export async function startSystem (t: Holder, options: SystemOptions = {}): Promise<System> {
  const { sources = ['acme', 'beta'] } = options
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-e2e-'))
  const partsDir = path.join(dir, 'parts')
  const portBase = await claimPorts()
  t.after(async () => { await partsDown({ dir: partsDir, wipe: true }); rmSync(dir, { recursive: true, force: true }) })
  const parts = await partsUp({ dir: partsDir, portBase, brokers: 1 })
  const [ingestPort, queryPort, admin] = [await freePort(), await freePort(), await claimPorts()]
  const source = (name: string, first: number): PortalConfig => ({ name, secret: `secret-${name}`, first_id: first, funnels: [{ id: 0 }, { id: 1 }], custom_fields: [{ name: 'UF_CRM_SOURCE_ID', type: 'string' }, { name: 'UF_CRM_CONTRACT', type: 'string' }], webhooks: [{ url: `http://127.0.0.1:${ingestPort}/webhook/bitrix24/signal-${name}`, kind: 'ui', application_token: `token-${name}` }], limits: { per_second: 20, burst: 100 }, ...options.source })
  const simulator = await startSimulator({ portals: [...sources.map((name, i) => source(name, 1000 + 6000 * i)), { name: 'main', secret: 'secret-main', first_id: 500000, custom_fields: ['UF_CRM_PARTNER_ID', 'UF_CRM_ESB_CONTRACT', 'UF_CRM_IMPORT_DATE'].map(name => ({ name, type: 'string' as const })), limits: { per_second: 20, burst: 100 }, ...options.target }] })
  t.after(() => simulator.stop())
  const limits = (config: Partial<PortalConfig> | undefined): object => ({ per_second: 20, burst: 100, ...config?.limits })
  const config = path.join(dir, 'dealbridge.json')
  writeFileSync(config, JSON.stringify({
    version: 1, kafka: { brokers: parts.kafka }, registry: { url: parts.registry }, postgres: { url: parts.postgres }, redis: { url: parts.redis }, data_dir: path.join(dir, 'data'), log_level: options.logLevel ?? 'info',
    ingest: { port: ingestPort, api_keys: [{ name: 'test', key: KEY }] }, query: { port: queryPort, api_keys: [{ name: 'test', key: KEY, role: 'operator' }] },
    admin: { port_base: admin }, ...options.sweep === undefined ? {} : { sweep: options.sweep },
    portals: [
      ...sources.map(name => ({ name, role: 'source', domain: `${name}.bitrix24.ru`, rest_url: simulator.portal(name).restUrl, signal_secret: `signal-${name}`, application_tokens: [`token-${name}`], limits: limits(options.source) })),
      { name: 'main', role: 'target', domain: 'main.bitrix24.ru', rest_url: behind(simulator.portal('main'), options.targetDoor), limits: limits(options.target) }
    ],
    routes: [{ from: '*', to: 'main', mapping: options.mapping ?? MAPPING }]
  }))
  await toEnd(spawn(process.execPath, [...NODE_FLAGS, CLI, 'init', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] }))
  const query = `http://127.0.0.1:${queryPort}`
  const get = async (at: string): Promise<unknown> => {
    const response = await fetch(query + at, { headers: { 'x-api-key': KEY } })
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`${at}: ${response.status} ${await response.text()}`)
    return await response.json()
  }
  const summary = async (): Promise<Summary> => await get('/v1/summary') as Summary
  return {
    simulator, parts, config, ingest: `http://127.0.0.1:${ingestPort}`, query, get, summary,
    deal: async (portal, id) => await get(`/v1/deals/${portal}/${id}`) as Deal | undefined,
    admin,
    begin: (...names) => beginProcesses(t, [...names, '--config', config]),
    beginMore (adminBase, ...names) {
      const own = path.join(dir, `dealbridge-${adminBase}.json`)
      writeFileSync(own, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')) as object, admin: { port_base: adminBase } }))
      return beginProcesses(t, [...names, '--config', own])
    },
    run: async (...names) => {
      const program = beginProcesses(t, [...names, '--config', config])
      await program.ready()
      return program.child
    },
    settled: (signals, deadlineMs = 30_000) => eventually(async () => {
      const now = await summary()
      return now.signals >= signals && now.open === 0 ? now : null
    }, { deadlineMs }),
    restartParts: async () => { await partsUp({ dir: partsDir, portBase, brokers: 1 }) },
    partPids: async () => (await partsStatus({ dir: partsDir })).pids
  }
}

function behind ({ restUrl, port }: { readonly restUrl: string, readonly port: number }, door: number | undefined): string {
  return door === undefined ? restUrl : restUrl.replace(`:${port}/`, `:${door}/`)
}

function beginProcesses (t: Holder, args: string[]): Program {
  const child = spawn(process.execPath, [...NODE_FLAGS, CLI, 'run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  t.after(async () => { child.kill('SIGKILL'); await gone })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.length > 50e6) said = said.slice(-1e6)
  })
  const isReady = (): boolean => {
    if (child.exitCode !== null) throw new Error(`run ended with ${child.exitCode}`)
    return out.includes('"ready"')
  }
  return {
    child,
    async ready () {
      // A killed reader holds its place in the group for the 30 s of its session.
      await eventually(isReady, { deadlineMs: 60_000 }).catch((error: unknown) => { throw new Error(`run ${args.join(' ')} was not ready: ${String(error)}\n${said.slice(-4000)}`) })
    },
    log: () => said.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as LogLine)
  }
}

async function toEnd (child: ChildProcess): Promise<void> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
  const code = await new Promise(resolve => child.once('exit', resolve))
  if (code !== 0) throw new Error(`a command failed: ${said}`)
}
