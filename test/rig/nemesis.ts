// Who breaks things. The seed alone makes the schedule; it is printed before the first fault, and every fault heals by itself
// and once more at the end, whatever became of it.
import { once } from 'node:events'
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { FaultSpec } from '../../simulator/faults.ts'
import { readJournal } from '../../simulator/journal.ts'
import { createLogger } from '../../src/platform/logger.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { createRedis } from '../../src/platform/redis.ts'
import type { Chance } from '../support/chance.ts'
import type { Span } from './evidence.ts'
import type { Mode } from './fault-proxy.ts'
import { clockFile, setClock } from './fake-clock.ts'
import { SOURCES, TARGET } from './names.ts'
import type { RigSystem } from './system.ts'
import type { RigTimes } from './times.ts'

/** One line of the schedule: when (ms after the start), what, to whom, for how long. */
export interface PlannedFault { readonly at: number, readonly fault: string, readonly target: string, readonly forMs: number, readonly how: How }
export type How =
  | { readonly kind: 'kill' } | { readonly kind: 'freeze' } | { readonly kind: 'kill-part' } | { readonly kind: 'freeze-part' }
  | { readonly kind: 'edge', readonly mode: Mode } | { readonly kind: 'cut', readonly by: 'rst' | 'fin' }
  | { readonly kind: 'portal', readonly spec: FaultSpec } | { readonly kind: 'freeze-portal' } | { readonly kind: 'disk-full' }
  | { readonly kind: 'freeze-owner' } | { readonly kind: 'stop-part' } | { readonly kind: 'flush' } | { readonly kind: 'end-sessions' } | { readonly kind: 'clock', readonly hours: number }

/** A fault as it went: whether anything was touched by it. */
export interface Fired { readonly fault: string, readonly target: string, readonly at: number, readonly signal?: string, readonly didStrike: boolean }

const PROCESSES = ['ingest-1', 'ingest-2', 'dispatcher-1', 'dispatcher-2', 'sweep', 'projector', 'query'] as const
const PARTS = ['kafka-1', 'postgres', 'redis', 'registry'] as const
const WRITE_FAULTS: readonly FaultSpec[] = [
  { where: 'write', mode: 'lost', times: 2 }, { where: 'write', mode: 'error_done', times: 2, status: 500 }, { where: 'write', mode: 'error_done', times: 2, status: 502 },
  { where: 'write', mode: 'cut', times: 2 }, { where: 'write', mode: 'late', times: 2, ms: 3000 }, { where: 'write', mode: 'batch_cut', times: 1, after: 2 }, { where: 'write', mode: 'command_fails', times: 2, code: 'INTERNAL_SERVER_ERROR' }
]
const ANSWER_FAULTS: readonly FaultSpec[] = [
  ...['503', '429', '500', '502', '504', 'html200', 'malformed', 'truncated', 'empty'].map(mode => ({ where: 'answer' as const, mode, times: 3 })),
  { where: 'answer', mode: 'slow', ms: 1500, times: 4 }, { where: 'answer', mode: 'slow_body', ms: 1500, times: 4 }, { where: 'limit', mode: 'full', times: 1 }
]
const SENDER_FAULTS: readonly FaultSpec[] = [
  { where: 'webhook', mode: 'drop', probability: 0.5 }, { where: 'webhook', mode: 'twice', probability: 0.5 }, { where: 'webhook', mode: 'late', ms: 2000, probability: 0.5 },
  { where: 'webhook', mode: 'reordered', ms: 1000 }, { where: 'webhook', mode: 'burst', ms: 1000 }, { where: 'webhook', mode: 'replayed', ms: 2000, probability: 0.5 }, { where: 'data', mode: 'changed_after_read', times: 2 }
]

/** The seed's schedule: a fault every 0.8 to 2.5 s of `forMs`, of one to some seconds, so that two or three may overlap. */
export function planFaults (chance: Chance, options: { forMs: number, edges: readonly string[], times: RigTimes, isSmallDisk: boolean }): PlannedFault[] {
  const plan: PlannedFault[] = []
  for (let at = 1000; at < options.forMs; at += chance.between(800, 2500)) plan.push({ at: Math.round(at), ...pickFault(chance, options) })
  return plan
}

function pickFault (chance: Chance, { edges, times, isSmallDisk }: { edges: readonly string[], times: RigTimes, isSmallDisk: boolean }): Omit<PlannedFault, 'at'> {
  const forMs = Math.round(chance.between(1000, 6000))
  const dice = chance.next()
  if (dice < 0.22) return { fault: 'SIGKILL', target: chance.pick(PROCESSES), forMs: Math.round(chance.between(0, 2000)), how: { kind: 'kill' } }
  if (dice < 0.30) return { fault: 'SIGSTOP', target: chance.pick(PROCESSES), forMs: chance.pick(times.freezesMs), how: { kind: 'freeze' } }
  if (dice < 0.40) return { fault: 'SIGKILL', target: chance.pick(PARTS), forMs: Math.round(chance.between(0, 2000)), how: { kind: 'kill-part' } }
  if (dice < 0.45) return { fault: 'SIGSTOP', target: chance.pick(PARTS), forMs, how: { kind: 'freeze-part' } }
  if (dice < 0.65) return edgeFault(chance, chance.pick(edges), Math.min(forMs, times.holdMs))
  if (dice < 0.82) return portalFault(TARGET, chance.pick([...WRITE_FAULTS, ...WRITE_FAULTS, ...ANSWER_FAULTS]), forMs)
  if (dice < 0.95) return portalFault(chance.pick(SOURCES), chance.pick([...SENDER_FAULTS, ...ANSWER_FAULTS]), forMs)
  if (dice < 0.98 || !isSmallDisk) return { fault: 'portal frozen', target: chance.pick([...SOURCES, TARGET]), forMs: Math.min(forMs, times.holdMs), how: { kind: 'freeze-portal' } }
  return { fault: 'disk full, Kafka away', target: 'spool', forMs, how: { kind: 'disk-full' } }
}

function edgeFault (chance: Chance, target: string, forMs: number): Omit<PlannedFault, 'at'> {
  const modes: readonly How[] = [
    { kind: 'cut', by: 'rst' }, { kind: 'cut', by: 'fin' },
    ...[{ kind: 'latency', ms: 300 }, { kind: 'rate', bytesPerSecond: 20_000 }, { kind: 'refuse' }, { kind: 'half-open' }, { kind: 'swallow-reply', afterBytes: 0 }, { kind: 'swallow-reply', afterBytes: 40 },
      { kind: 'swallow-request' }, { kind: 'stall' }].map((mode): How => ({ kind: 'edge', mode: mode as Mode }))
  ]
  const how = chance.pick(modes)
  return { fault: how.kind === 'edge' ? how.mode.kind : `cut by ${how.kind === 'cut' ? how.by : ''}`, target, forMs, how }
}

function portalFault (target: string, spec: FaultSpec, forMs: number): Omit<PlannedFault, 'at'> {
  return { fault: `${spec.where} ${spec.mode}`, target, forMs, how: { kind: 'portal', spec } }
}

export interface Nemesis {
  /** Carries the plan out; resolves when its last fault has healed. */
  run (plan: readonly PlannedFault[]): Promise<void>
  /** Brings back whatever may still be broken. */
  healAll (): Promise<void>
  readonly fired: () => readonly Fired[]
  /** When portals refused requests by the nemesis' doing. */
  readonly refusing: () => readonly Span[]
}

export function createNemesis (system: RigSystem, say: (line: string) => void): Nemesis {
  const fired: Fired[] = []
  const refusing: Span[] = []
  let parts: Promise<unknown> = Promise.resolve()
  const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
  // Two at once would wait for each other's lock.
  const restartParts = (): Promise<void> => { const turn = parts.then(() => system.restartParts()); parts = turn.catch(() => undefined); return turn }

  /** Breaks it; gives whether anything was struck, or how to tell once it has healed, and how to heal. */
  async function strike (planned: PlannedFault): Promise<{ heal: () => Promise<void> | void, didStrike: () => boolean, signal?: string }> {
    const { how, target } = planned
    switch (how.kind) {
      case 'kill': { const done = program(target).signal('SIGKILL'); return { heal: () => program(target).start(), didStrike: () => done, signal: 'SIGKILL' } }
      case 'freeze': { const done = program(target).signal('SIGSTOP'); return { heal: () => { program(target).signal('SIGCONT') }, didStrike: () => done, signal: 'SIGSTOP' } }
      case 'kill-part': return { ...await signalPart(target, 'SIGKILL'), heal: restartParts, signal: 'SIGKILL' }
      case 'freeze-part': { const { didStrike, pid } = await signalPart(target, 'SIGSTOP'); return { didStrike, heal: () => { tell(pid, 'SIGCONT') }, signal: 'SIGSTOP' } }
      case 'edge': return await onEdge(target, how.mode)
      case 'cut': { const count = system.edges.get(target).cut(how.by); return { heal: () => undefined, didStrike: () => count > 0 } }
      case 'portal': return onPortal(target, how.spec)
      case 'freeze-portal': { system.simulator.portal(target).freeze(); return { heal: () => system.simulator.portal(target).thaw(), didStrike: () => true } }
      case 'disk-full': return await fillDisk()
      case 'freeze-owner': return await freezeOwner()
      case 'stop-part': return { ...await signalPart(target, 'SIGTERM'), heal: restartParts, signal: 'SIGTERM' }
      case 'flush': { const held = await emptyRedis(system.redis); return { heal: () => undefined, didStrike: () => held > 0 } }
      case 'end-sessions': { const ended = await endSessions(system.pool); return { heal: () => undefined, didStrike: () => ended > 0 } }
      case 'clock': return onClock(target, how.hours)
    }
  }

  const program = (name: string): NonNullable<ReturnType<RigSystem['programs']['get']>> => {
    const found = system.programs.get(name)
    if (found === undefined) throw new Error(`there is no process ${name}`)
    return found
  }

  async function signalPart (name: string, signal: NodeJS.Signals): Promise<{ pid: number | undefined, didStrike: () => boolean }> {
    const pid = (await system.partPids())[name]
    const done = tell(pid, signal)
    return { pid, didStrike: () => done }
  }

  async function onEdge (name: string, mode: Mode): Promise<{ heal: () => Promise<void>, didStrike: () => boolean }> {
    const edge = system.edges.get(name)
    const before = edge.touched()
    await edge.set(mode)
    // Who has a connection already would not notice.
    if (mode.kind === 'half-open' || mode.kind === 'refuse') edge.cut('rst')
    return { heal: () => edge.heal(), didStrike: () => edge.touched() > before }
  }

  function onPortal (name: string, spec: FaultSpec): { heal: () => void, didStrike: () => boolean } {
    const portal = system.simulator.portal(name)
    const from = Date.now()
    const id = portal.fault(spec)
    let strikes = 0
    return {
      didStrike: () => strikes > 0,
      heal: () => {
        strikes = portal.endFault(id)
        // An operating time that was used up, or a pause that was asked for, is felt for a while.
        if (spec.where === 'answer' || spec.where === 'limit') refusing.push({ from, to: Date.now() + 30_000 })
      }
    }
  }

  async function fillDisk (): Promise<{ heal: () => Promise<void>, didStrike: () => boolean }> {
    const filler = path.join(system.spool.dir, '.filler')
    await signalPart('kafka-1', 'SIGKILL')
    let isFull = false
    try { for (let i = 0; i < 400; i += 1) appendFileSync(filler, Buffer.alloc(65_536)) } catch (error) { isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC' }
    return { heal: async () => { rmSync(filler, { force: true }); await restartParts() }, didStrike: () => isFull }
  }

  /** Stops the dispatcher that owns the target; it counts when another one called there meanwhile. */
  async function freezeOwner (): Promise<{ heal: () => void, didStrike: () => boolean, signal: string }> {
    const epoch = await ownedEpoch(system.pool)
    const owner = [...system.programs.values()].find(each => readFileSync(each.logFile, 'utf8').includes(`"event":"lease_taken","correlation_id":null,"details":{"target":"${TARGET}","epoch":${epoch}}`))
    const done = owner?.signal('SIGSTOP') === true
    let didOtherWork = false
    const heal = (): void => {
      didOtherWork = readJournal(system.journalFile).some(entry => entry.portal === TARGET && entry.kind === 'received' && Number(entry.epoch ?? 0) > epoch)
      owner?.signal('SIGCONT')
    }
    return { heal, didStrike: () => done && didOtherWork, signal: 'SIGSTOP' }
  }

  /** It counts when the process itself wrote a time that is off. */
  function onClock (name: string, hours: number): { heal: () => void, didStrike: () => boolean } {
    const { logFile } = program(name)
    const from = statSync(logFile).size
    const file = clockFile(system.dir, name)
    setClock(file, hours)
    const isOff = (time: string): boolean => Math.abs(Date.parse(time) - Date.now()) > Math.abs(hours) * 3_000_000
    let wasOff = false
    const heal = (): void => {
      wasOff = [...readFileSync(logFile, 'utf8').slice(from).matchAll(/"timestamp":"([^"]+)"/g)].some(([, time = '']) => isOff(time))
      setClock(file, 0)
    }
    return { heal, didStrike: () => wasOff }
  }

  async function one (planned: PlannedFault): Promise<void> {
    await pause(planned.at)
    const struck = await strike(planned)
    say(JSON.stringify({ t: new Date().toISOString(), fault: planned.fault, target: planned.target }))
    try { await pause(planned.forMs) } finally { await struck.heal() }
    fired.push({ fault: planned.fault, target: planned.target, at: planned.at, didStrike: struck.didStrike(), ...struck.signal === undefined ? {} : { signal: struck.signal } })
  }

  return {
    fired: () => fired,
    refusing: () => refusing,
    run: async (plan) => { await Promise.all(plan.map(one)) },
    async healAll () {
      rmSync(path.join(system.spool.dir, '.filler'), { force: true })
      await system.edges.healAll()
      for (const portal of system.simulator.portals()) { portal.clearFaults(); portal.thaw() }
      for (const pid of Object.values(await system.partPids())) tell(pid, 'SIGCONT')
      await restartParts()
      for (const each of system.programs.values()) { each.signal('SIGCONT'); each.start() }
    }
  }
}

function tell (pid: number | undefined, signal: NodeJS.Signals): boolean {
  try { return pid !== undefined && process.kill(pid, signal) } catch { return false }
}

async function ownedEpoch (pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ epoch: bigint }>('select epoch from dispatch.lease where target = $1', [TARGET])
  return Number(rows[0]?.epoch ?? -1)
}

/** Gives how many keys it held. */
async function emptyRedis (url: string): Promise<number> {
  const redis = createRedis(url, createLogger('rig', 'error'))
  await once(redis, 'ready')
  const held = await redis.dbsize()
  await redis.flushall()
  redis.disconnect()
  return held
}

/** Ends every session but this one, of the registry and the rig too; gives how many. */
async function endSessions (pool: Pool): Promise<number> {
  const { rowCount } = await pool.query('select pg_terminate_backend(pid) from pg_stat_activity where backend_type = \'client backend\' and pid <> pg_backend_pid()')
  return rowCount ?? 0
}
