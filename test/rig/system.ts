import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PortalConfig } from '../../simulator/config.ts'
import { startSimulator } from '../../simulator/simulator.ts'
import type { Simulator } from '../../simulator/simulator.ts'
import { partsDown, partsStatus, partsUp } from '../../src/cli/parts/parts.ts'
import { postgresHome } from '../../src/cli/parts/postgres-home.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import type { Canaries } from '../oracles/i14-no-secret.ts'
import { claimPorts } from '../support/ports.ts'
import { createEdges } from './edges.ts'
import type { Edges } from './edges.ts'
import type { Sample } from './evidence.ts'
import { SOURCES, TARGET } from './names.ts'
import { createProgram } from './program.ts'
import type { Program } from './program.ts'
import type { RigTimes } from './times.ts'
import { watchSaves } from './watch.ts'
import type { SaveWatch } from './watch.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const READER = fileURLToPath(new URL('./reader.ts', import.meta.url))
const PARTNER = new URL('../../mapping/partner.yaml', import.meta.url)

/** The processes of the system: which of the service's, and what they talk to besides Kafka and the registry. */
const PROCESSES = [
  { name: 'ingest-1', process: 'ingest', offset: 0, uses: ['postgres', 'redis'] },
  { name: 'ingest-2', process: 'ingest', offset: 0, uses: ['postgres', 'redis'] },
  { name: 'sweep', process: 'sweep', offset: 1, uses: ['postgres', 'redis', ...SOURCES] },
  { name: 'dispatcher-1', process: 'dispatcher', offset: 2, uses: ['postgres', 'redis', ...SOURCES, TARGET] },
  { name: 'dispatcher-2', process: 'dispatcher', offset: 2, uses: ['postgres', 'redis', ...SOURCES, TARGET] },
  { name: 'projector', process: 'projector', offset: 3, uses: ['postgres'] },
  { name: 'query', process: 'query', offset: 4, uses: ['postgres'] }
] as const
/** The portals' limits. Generous: the rig is after lost and doubled deals; the budget has scenarios of its own. */
export const LIMITS = { per_second: 40, burst: 400 }
const FIELDS = { source: ['UF_CRM_SOURCE_ID', 'UF_CRM_CONTRACT'], target: ['UF_CRM_PARTNER_ID', 'UF_CRM_ESB_CONTRACT', 'UF_CRM_IMPORT_DATE'] }

/** The whole of dealbridge as child processes on parts of its own, a fault proxy on every edge, portals simulated in this process. */
export interface RigSystem {
  readonly dir: string
  readonly simulator: Simulator
  readonly edges: Edges
  readonly programs: ReadonlyMap<string, Program>
  readonly watch: SaveWatch
  /** To PostgreSQL itself, past every proxy. */
  readonly pool: Pool
  readonly canaries: Canaries
  /** Folders in which no secret may be found. */
  readonly outputs: readonly string[]
  readonly kafka: readonly string[]
  /** Redis itself, past every proxy. */
  readonly redis: string
  /** Where portals reach the two ingests, each through its edge. */
  readonly webhookPorts: readonly number[]
  readonly registry: string
  /** The folder of the spools; `isSmallDisk` when it is a disk of its own of a few MB. */
  readonly spool: { readonly dir: string, readonly isSmallDisk: boolean }
  partPids (): Promise<Readonly<Record<string, number>>>
  restartParts (): Promise<void>
  sample (): Sample[]
  spoolBytes (): number
  /** The file that the journal of all portals is written to. */
  readonly journalFile: string
  end (): Promise<void>
}

/** Brings up all but the processes of the service; `targetLimits` are what the target allows, `LIMITS` when absent. Whatever happens, `end` leaves nothing behind. */
export async function startRig (options: { times: RigTimes, targetLimits?: typeof LIMITS }): Promise<RigSystem> {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-rig-'))
  const endings: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })]
  const end = async (): Promise<void> => {
    for (const each of endings.splice(0).toReversed()) await Promise.resolve().then(each).catch((error: unknown) => process.stderr.write(`rig: while ending: ${String(error)}\n`))
  }
  try {
    return await build({ ...options, dir, endings, end })
  } catch (error) {
    await end()
    throw error
  }
}

async function build ({ dir, endings, end, times, targetLimits = LIMITS }: { dir: string, endings: (() => unknown)[], end: () => Promise<void>, times: RigTimes, targetLimits?: typeof LIMITS }): Promise<RigSystem> {
  const folders = Object.fromEntries(['parts', 'data', 'logs', 'config', 'driver'].map(name => [name, path.join(dir, name)])) as Record<'parts' | 'data' | 'logs' | 'config' | 'driver', string>
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true })
  const partBase = await claimPorts()
  const ownBase = await claimPorts()
  let used = 0
  const nextPort = (): number => ownBase + used++
  const edges = createEdges(nextPort)
  endings.push(() => edges.close())
  const kafkaPort = await edges.add('all>kafka', partBase)
  const up = (): ReturnType<typeof partsUp> => partsUp({ dir: folders.parts, portBase: partBase, brokers: 1, advertisedPort: kafkaPort })
  endings.push(() => partsDown({ dir: folders.parts, wipe: true }))
  const parts = await up()
  const canaries = makeCanaries()
  const watch = watchSaves()
  const journalFile = path.join(folders.driver, 'journal.ndjson')
  const ingestPorts = [nextPort(), nextPort()]
  const webhookPorts = [await edges.add('portals>ingest-1', ingestPorts[0] ?? 0), await edges.add('portals>ingest-2', ingestPorts[1] ?? 0)]
  const simulator = await startSimulator({ journal: journalFile, portals: portalsOf({ canaries, webhookPorts, times, targetLimits }) }, { onSave: watch.onSave })
  endings.push(() => simulator.stop())
  const registryUrl = await throughEdge(edges, 'all>registry', parts.registry)
  const programs = new Map<string, Program>()
  const mapping = path.join(folders.config, 'mapping.yaml')
  // The lines about contacts and companies, which the example shows in comments, count here.
  writeFileSync(mapping, readFileSync(PARTNER, 'utf8').replace(/^# (contacts:|companies:)/gm, '$1'))
  for (const { name, process: what, offset, uses } of PROCESSES) {
    const adminPort = nextPort()
    const config = path.join(folders.config, `${name}.json`)
    const through = async (to: string, url: string): Promise<string> => (uses as readonly string[]).includes(to) ? await throughEdge(edges, `${name}>${to}`, url) : url
    writeFileSync(config, JSON.stringify({
      version: 1, kafka: { brokers: [`127.0.0.1:${kafkaPort}`] }, registry: { url: registryUrl },
      postgres: { url: await through('postgres', parts.postgres) }, redis: { url: await through('redis', parts.redis) },
      data_dir: folders.data, log_level: 'info', admin: { port_base: adminPort - offset }, sweep: times.sweep,
      ingest: { port: name === 'ingest-2' ? ingestPorts[1] : ingestPorts[0], api_keys: [{ name: 'rig', key: canaries['ingest key'] }] },
      query: { port: what === 'query' ? nextPort() : 0, api_keys: [{ name: 'rig', key: canaries['query key'], role: 'operator' }] },
      portals: await Promise.all([...SOURCES, TARGET].map(async portal => ({
        name: portal, role: portal === TARGET ? 'target' : 'source', domain: `${portal}.bitrix24.ru`, rest_url: await through(portal, simulator.portal(portal).restUrl), limits: portal === TARGET ? targetLimits : LIMITS,
        ...portal === TARGET ? {} : { signal_secret: canaries[`${portal} signal`], application_tokens: [canaries[`${portal} token`]] }
      }))),
      routes: [{ from: '*', to: TARGET, mapping }]
    }), { mode: 0o600 })
    const args = what === 'dispatcher' || what === 'projector' ? [READER, config, what, JSON.stringify(times)] : [CLI, 'run', what, '--config', config]
    const program = createProgram({ name, args, adminPort, logFile: path.join(folders.logs, `${name}.log`) })
    programs.set(name, program)
    endings.push(() => program.end())
  }
  // Not synchronously: the proxies that it goes through live in this process.
  await promisify(execFile)(process.execPath, [CLI, 'init', '--config', path.join(folders.config, 'query.json')])
  const pool = createPool(parts.postgres, { name: 'rig', logger: createLogger('rig', 'error'), max: 4 })
  endings.push(() => pool.end())
  const spool = { dir: path.join(folders.data, 'spool'), isSmallDisk: false }
  mkdirSync(spool.dir)
  spool.isSmallDisk = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', spool.dir], { stdio: 'ignore' }).status === 0
  // Before the processes that use it are gone it cannot be taken away, so it stands before them in the row of endings.
  if (spool.isSmallDisk) endings.splice(1, 0, () => { spawnSync('umount', [spool.dir], { stdio: 'ignore' }) })
  return {
    dir, simulator, edges, programs, watch, pool, canaries, spool, journalFile, webhookPorts, redis: parts.redis, registry: parts.registry, kafka: [`127.0.0.1:${kafkaPort}`],
    outputs: [folders.logs, folders.data, folders.parts, postgresHome(folders.parts)],
    partPids: async () => (await partsStatus({ dir: folders.parts })).pids,
    restartParts: async () => { await up() },
    sample: () => [...programs.values()].flatMap(sampleOf),
    spoolBytes: () => bytesBelow(spool.dir),
    end
  }
}

function portalsOf ({ canaries, webhookPorts, times, targetLimits }: { canaries: Canaries, webhookPorts: readonly number[], times: RigTimes, targetLimits: typeof LIMITS }): PortalConfig[] {
  const limits = { ...LIMITS, request_seconds: times.requestSeconds }
  const field = (name: string): { name: string, type: 'string' } => ({ name, type: 'string' })
  return [
    ...SOURCES.map((name, i): PortalConfig => ({
      name, secret: canaries[`${name} portal`] ?? '', first_id: 1000 + 6000 * i, funnels: [{ id: 0 }, { id: 1 }], custom_fields: FIELDS.source.map(field), limits, latency_ms: 10,
      webhooks: [{ url: `http://127.0.0.1:${webhookPorts[i]}/webhook/bitrix24/${canaries[`${name} signal`]}`, kind: 'ui', application_token: canaries[`${name} token`] ?? '' }]
    })),
    { name: TARGET, secret: canaries['main portal'] ?? '', first_id: 500_000, custom_fields: FIELDS.target.map(field), limits: { ...limits, ...targetLimits }, latency_ms: 30 }
  ]
}

function makeCanaries (): Canaries {
  const names = ['ingest key', 'query key', 'main portal', ...SOURCES.flatMap(name => [`${name} portal`, `${name} signal`, `${name} token`])]
  return Object.fromEntries(names.map(name => [name, randomBytes(16).toString('hex')]))
}

/** The same address behind a proxy of its own. */
async function throughEdge (edges: Edges, name: string, url: string): Promise<string> {
  const other = new URL(url)
  other.port = String(await edges.add(name, Number(other.port)))
  return other.href
}

function sampleOf (program: Program): Sample[] {
  const pid = program.pid()
  if (pid === undefined || process.platform !== 'linux') return []
  try {
    const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    // One that is just ending says nothing of its memory.
    if (Number.isNaN(rssKb)) return []
    return [{ process: program.name, at: Date.now(), rssMb: rssKb / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }]
  } catch { return [] }
}

function bytesBelow (dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0)
}
