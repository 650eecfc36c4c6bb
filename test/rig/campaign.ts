import { monitorEventLoopDelay } from 'node:perf_hooks'
import { readJournal } from '../../simulator/journal.ts'
import { budgetShare } from '../../simulator/oracle.ts'
import type { JournalEntry } from '../../simulator/journal.ts'
import { migrate } from '../../src/platform/migrations.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { dropDatabase, ensureDatabases, inDatabase } from '../../src/platform/postgres-probe.ts'
import { applyChunk } from '../../src/projections/chunk.ts'
import { hashTables } from '../../src/projections/tables.ts'
import type { Topic } from '../../src/eventlog/port.ts'
import { askAll } from '../oracles/all.ts'
import { rebuiltTables } from '../oracles/i10-read-model.ts'
import { noSecret } from '../oracles/i14-no-secret.ts'
import { boundRecords } from '../oracles/i04-bound-records.ts'
import { lastState } from '../oracles/i04-last-state.ts'
import { lookedAt, timesOf } from '../oracles/invariants.ts'
import type { Times } from '../oracles/invariants.ts'
import { eventually } from '../support/eventually.ts'
import { createChance } from '../support/chance.ts'
import { createDriver } from './driver.ts'
import { createFront } from './front.ts'
import { createOperators } from './operators.ts'
import { RESTART_MS } from './program.ts'
import { createStrangers } from './strangers.ts'
import { createTroubles } from './troubles.ts'
import { openDump, readTables } from './dump.ts'
import type { Dump } from './dump.ts'
import type { Evidence, Finding, PortalRecords, Sample, Trouble } from './evidence.ts'
import { SOURCES, TARGET } from './names.ts'
import { createNemesis, planFaults } from './nemesis.ts'
import type { Fired, PlannedFault } from './nemesis.ts'
import { LIMITS, startRig } from './system.ts'
import { runStorms } from './storm.ts'
import type { StormResult } from './storm.ts'
import type { RigSystem } from './system.ts'
import { boundsOf } from './times.ts'
import type { RigTimes } from './times.ts'

/** What one seed gave; counts are of this seed alone. `findings` that an earlier seed of the run had already are left out. */
export interface SeedResult {
  readonly seed: number
  readonly plan: readonly Omit<PlannedFault, 'how'>[]
  readonly fired: readonly Fired[]
  readonly saves: number
  readonly webhooks: { readonly answered: number, readonly failed: number }
  readonly signals: number
  readonly outcomes: Readonly<Record<string, number>>
  /** From a save to the moment when the target had it or a newer one, the longest (ms); of deals that the mapping knows. */
  readonly longestStallMs: number
  /** From the last heal until all was quiet. */
  readonly drainMs: number
  /** From the last heal until the probes had landed; null: they did not within the deadline. */
  readonly probeMs: number | null
  /** Processes that ended without a signal of the rig's, with their exit code and the last thing they said. */
  readonly ownEnds: readonly string[]
  readonly refused: number
  /** What part of the target's budget the requests to it used, from the first to the last. */
  readonly budgetUse: number
  readonly mostMb: number
  /** How many things each oracle looked at, from the first seed of the run on. */
  readonly looked: Readonly<Record<string, number>>
  readonly times: Times
  readonly findings: readonly Finding[]
}

export interface Campaign {
  /**
   * Runs a seed: work and faults for `forMs`, then heal, drain, and all oracles. `plan` takes the place of the seed's schedule;
   * the processes of `environments` are ended in order and started with these variables first.
   */
  seed (seed: number, options: { forMs: number, perSecond: number, plan?: readonly PlannedFault[], environments?: ReadonlyMap<string, Readonly<Record<string, string>>> }): Promise<SeedResult>
  /** Times in which the target refuses everything; what they came to. After the last seed: I12 does not know of them. */
  storms (): Promise<StormResult[]>
  /** What is asked once at the end: read models rebuilt from the first record, and secrets in everything that was written. */
  finish (): Promise<Finding[]>
  readonly system: RigSystem
  end (): Promise<void>
}

const READY_MS = 120_000
const PROBE_MS = 60_000
const DRAIN_MS = 240_000
const SAMPLE_MS = 2000
const FRONT_PER_SECOND = 10
const STORM_PER_SECOND = 8
const MIGRATIONS = new URL('../../migrations/', import.meta.url).pathname

/** Starts one system for a row of seeds: their deals stay, and the oracles look at all of them each time. */
export async function startCampaign (options: { times: RigTimes, say: (line: string) => void }): Promise<Campaign> {
  const { times, say } = options
  const system = await startRig(options)
  const troubles = createTroubles()
  const strangers = createStrangers(system)
  const front = createFront(system)
  const loop = monitorEventLoopDelay({ resolution: 10 })
  const nemesis = createNemesis({ ...system, restartParts: () => troubles.during(system.restartParts()) }, say)
  const dump = await openDump({ brokers: system.kafka, registryUrl: system.registry, dataDir: system.dir }).catch(async (error: unknown) => { await system.end(); throw error })
  const samples: Sample[] = []
  const sampling = setInterval(() => samples.push(...system.sample()), SAMPLE_MS)
  const known = new Set<string>()
  let isFirst = true

  const evidence = async (): Promise<Evidence> => ({
    journal: readJournal(system.journalFile), target: TARGET, sourceSaves: system.watch.sourceSaves(), targetSaves: system.watch.targetSaves(),
    sourceDeals: new Map(SOURCES.map(name => [name, system.simulator.portal(name).deals()])), targetDeals: system.simulator.portal(TARGET).deals(),
    sourceRecords: new Map(SOURCES.map(name => [name, recordsOf(system, name)])), targetRecords: recordsOf(system, TARGET), recordSaves: system.watch.recordSaves(),
    log: await dump.look(), tables: await readTables(system.pool), metrics: await system.programs.get('projector')?.metrics() ?? null, samples, spoolBytes: system.spoolBytes(), refusing: nemesis.refusing(), troubles: [...troubles.spans(), ...nemesis.refusing().map(span => ({ ...span, target: 'a portal that refused' })), ...failpoints(system)], bounds: boundsOf(times), strangers: strangers.sent(),
    calls: front.calls(), loopLagMs: loop.percentile(99) / 1e6, wireMs: times.holdMs + 2000
  })

  return {
    system,
    async end () { clearInterval(sampling); await dump.close().catch(() => undefined); await system.end() },
    async storms () {
      const chance = createChance(1)
      const driver = createDriver(system, { chance, operators: createOperators(system, dump, chance), strangers })
      return await runStorms(system, { work: until => driver.work(until, STORM_PER_SECOND), drain: () => drain(system, dump) })
    },
    finish: async () => [...await compareRebuilt(system, dump), ...noSecret(system.outputs, system.canaries)],
    async seed (seed, { forMs, perSecond, plan: given, environments }) {
      const chance = createChance(seed)
      const plan = given ?? planFaults(chance, { forMs, edges: system.edges.names(), times, isSmallDisk: system.spool.isSmallDisk })
      for (const { how, ...line } of plan) say(JSON.stringify({ seed, ...line, detail: how }))
      if (isFirst) for (const program of system.programs.values()) program.start()
      if (isFirst) await allReady(system)
      isFirst = false
      for (const [name, environment] of environments ?? []) system.programs.get(name)?.restart(environment)
      const before = { at: Date.now(), fired: nemesis.fired().length, source: system.watch.sourceSaves().length, log: await dump.look(), ownEnds: ownEnds(system) }
      const operators = createOperators(system, dump, createChance(seed + 2))
      const driver = createDriver(system, { chance: createChance(seed + 1), operators, strangers })
      // A process that is to die at a place in its code may do so at any moment of the round.
      troubles.plan([...plan, ...[...environments?.keys() ?? []].map(target => ({ at: 0, forMs, target }))], Date.now())
      loop.enable()
      try {
        await Promise.all([driver.work(before.at + forMs, perSecond), front.send(before.at + forMs, FRONT_PER_SECOND), nemesis.run(plan)])
      } finally { loop.disable(); await troubles.during(nemesis.healAll()) }
      const healedAt = Date.now()
      const probes = driver.probe()
      const probeMs = await landed(system, probes, PROBE_MS).then(() => Date.now() - healedAt, () => null)
      await operators.releaseSome()
      const drained = await drain(system, dump).then(() => null, (error: unknown) => String(error))
      const drainMs = Date.now() - healedAt
      const all = await evidence()
      const findings = [
        ...askAll(all), ...drained === null ? [] : [{ invariant: 'I20', about: 'drain', what: `not quiet ${drainMs} ms after the last heal: ${drained}` }],
        ...probeMs === null ? [{ invariant: 'I20', about: 'probe', what: `a deal made after the last heal had not landed ${PROBE_MS} ms later` }] : []
      ].filter(finding => !known.has(textOf(finding)))
      for (const finding of findings) known.add(textOf(finding))
      const journal = all.journal.filter(entry => entry.at >= before.at)
      return {
        seed, plan: plan.map(({ at, fault, target, forMs: length }) => ({ at, fault, target, forMs: length })), fired: nemesis.fired().slice(before.fired), saves: all.sourceSaves.length - before.source,
        webhooks: webhooksOf(journal), signals: all.log.signals.length - before.log.signals.length,
        outcomes: countBy(all.log.outcomes.slice(before.log.outcomes.length).map(outcome => outcome.type)),
        longestStallMs: longestStall(all, before.source), drainMs, probeMs, ownEnds: ownEnds(system).slice(before.ownEnds.length), budgetUse: budgetShare(journal.filter(entry => entry.portal === TARGET), LIMITS),
        refused: journal.filter(entry => entry.kind === 'answered' && (entry.status === 503 || entry.status === 429)).length,
        mostMb: Math.round(Math.max(0, ...samples.map(sample => sample.rssMb))), looked: { ...lookedAt(all), I14: Object.keys(system.canaries).length }, times: timesOf(all), findings
      }
    }
  }
}

async function allReady (system: RigSystem): Promise<void> {
  await eventually(async () => (await Promise.all([...system.programs.values()].map(program => program.isReady()))).every(Boolean), { deadlineMs: READY_MS, everyMs: 250 })
}

async function landed (system: RigSystem, keys: readonly string[], deadlineMs: number): Promise<void> {
  const there = (): boolean => keys.every(key => system.watch.targetSaves().some(save => save.origin === key))
  await eventually(there, { deadlineMs, everyMs: 100 })
}

function recordsOf (system: RigSystem, portal: string): PortalRecords {
  const { store } = system.simulator.portal(portal)
  return { contact: [...store.all(3).values()], company: [...store.all(4).values()] }
}

/** Waits until every process is ready, no signal is open, no reader lags, and the target stands in the mapped state of every deal. */
async function drain (system: RigSystem, dump: Dump): Promise<void> {
  await eventually(async () => {
    const ready = await Promise.all([...system.programs.values()].map(async program => await program.isReady() ? [] : [program.name]))
    if (ready.flat().length > 0) throw new Error(`not ready: ${ready.flat().join(', ')}`)
    const tables = await readTables(system.pool)
    const busy = tables.work.filter(row => !['idle', 'parked'].includes(row.status))
    if (busy.length > 0) throw new Error(`${busy.length} deals are in work, first ${busy[0]?.portal}:${busy[0]?.deal_id} ${busy[0]?.status}`)
    const open = tables.deals.filter(row => row.open > 0n)
    if (open.length > 0) throw new Error(`${open.length} deals have open signals, first ${open[0]?.portal}:${open[0]?.deal_id}`)
    const sources = new Map(SOURCES.map(name => [name, system.simulator.portal(name).deals()]))
    const log = await dump.look()
    const now = { log, sourceDeals: sources, targetDeals: system.simulator.portal(TARGET).deals(), sourceSaves: system.watch.sourceSaves(), tables }
    const wrong = [...lastState(now), ...boundRecords({ ...now, sourceRecords: new Map(SOURCES.map(name => [name, recordsOf(system, name)])), targetRecords: recordsOf(system, TARGET) })]
    if (wrong.length > 0) throw new Error(`${wrong.length} differences, first: ${wrong[0]?.about} ${wrong[0]?.what}`)
    const { ends } = log
    const behind = tables.checkpoints.filter(row => row.next_offset !== (ends.get(`${row.topic}/${row.partition}`) ?? 0n))
    if (behind.length > 0) throw new Error(`${behind.length} checkpoints are behind`)
    if (system.spoolBytes() > 0) throw new Error('the spool holds something')
    return true
  }, { deadlineMs: DRAIN_MS, everyMs: 500 })
}

async function compareRebuilt (system: RigSystem, dump: Dump): Promise<Finding[]> {
  const { ends } = await dump.look()
  const url = String((system.pool.options as { connectionString?: string }).connectionString)
  const name = `rebuilt_${Date.now()}`
  await ensureDatabases(url, [name])
  const pool = createPool(inDatabase(url, name), { name: 'rig-rebuild', logger: createLogger('rig', 'error'), max: 2 })
  try {
    await migrate(pool, MIGRATIONS)
    for (const [key, next] of ends) await rebuildPartition(pool, { key, next, dump })
    return rebuiltTables(await hashTables(system.pool), await hashTables(pool))
  } finally {
    await pool.end()
    await dropDatabase(url, name)
  }
}

async function rebuildPartition (pool: Pool, { key, next, dump }: { key: string, next: bigint, dump: Dump }): Promise<void> {
  const [topic, partition] = key.split('/') as [Topic, string]
  const records = dump.records().get(key) ?? []
  for (let at = 0, from = 0n; at < records.length; at += 500) {
    const last = at + 500 >= records.length
    const to = last ? next : records[at + 500]?.offset ?? next
    await applyChunk(pool, { topic, partition: Number(partition), from, next: to, records: records.slice(at, at + 500) })
    from = to
  }
}

function longestStall (all: Evidence, since: number): number {
  const reached = Map.groupBy(all.targetSaves, save => save.origin)
  return Math.max(0, ...all.sourceSaves.slice(since).filter(save => save.isMapped && !save.isDeletion).map((save) => {
    const landedAt = reached.get(`${save.portal}:${save.dealId}`)?.find(target => target.version >= save.version && target.at >= save.at)?.at
    return landedAt === undefined ? 0 : landedAt - save.at
  }))
}

function webhooksOf (journal: readonly JournalEntry[]): SeedResult['webhooks'] {
  const count = (kind: JournalEntry['kind']): number => journal.filter(entry => entry.kind === kind).length
  return { answered: count('webhook_sent'), failed: count('webhook_failed') }
}

function ownEnds (system: RigSystem): string[] {
  return [...system.programs.values()].flatMap(program => program.ownEnds().map(each => ({ ...each, name: program.name }))).toSorted((a, b) => a.at - b.at)
    .map(({ name, code, signal, said }) => `${name} ended with ${code ?? signal}: ${said}`)
}

/** When fail-points ended processes, and until they were started again. */
function failpoints (system: RigSystem): Trouble[] {
  return [...system.programs.values()].flatMap(program => program.ownEnds().filter(each => each.said.includes('"failpoint"')).map(({ at }) => ({ target: program.name, from: at, to: at + RESTART_MS })))
}

function countBy (names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, name => name)].map(([name, all]) => [name, all.length]))
}

function textOf ({ invariant, about, what }: Finding): string {
  return `${invariant} ${about} ${what}`
}
