import type { Limits } from '../../src/bitrix24/limiter.ts'
import { seededChance } from '../../simulator/faults.ts'
import { SCRIPT } from './limiter-world.ts'
import type { Rules, Scenario, World } from './limiter-world.ts'

const ENTERPRISE: Limits = { per_second: 5, burst: 250 }
const S = 1000
const inBursts = (at: number): boolean => at % (90 * S) < 45 * S
const BURSTS: Scenario = { demand: inBursts, workers: 40 }
/** All of a burst's first seconds is held back and arrives at once: the worst order that the deadline allows. */
const bunched = (holdMs: number) => (world: World): number => { const into = world.now % (90 * S); return into < holdMs ? holdMs - into : world.between(0, 5) }
const WORST: Scenario = { ...BURSTS, late: bunched(4250), network: world => Math.min(bunched(5 * S)(world), 700) }

/** A stall of random length at the beginning of each burst, such as a collection of garbage or a network that hangs. */
const stalled = (mostMs: number) => (world: World): number => bunched(seededChance(world.seed + Math.floor(world.now / (90 * S)))() * mostMs)(world)

/**
 * A process takes a whole burst and stands still before it has sent it; it wakes while its successor sends the next one. The
 * slots that it holds are over by then.
 */
function standStill (world: World): void {
  for (let begin = 90 * S; begin < 3_600 * S; begin += 180 * S) {
    world.later(begin + S, () => {
      const old = world.processes.at(-1)
      if (old === undefined) return
      old.frozenUntil = begin + 91 * S
      world.later(80 * S, () => { world.spawn() })
      world.later(95 * S - S, () => { old.dead = true; world.processes.splice(world.processes.indexOf(old), 1) })
    })
  }
}

/** Scenarios by name. In none of them may the portal refuse a request, but where another program takes of its bucket. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  backlog: { uses: true },
  'backlog, one process': { processes: 1, workers: 8, uses: true },
  'backlog, 5 a second and 250': { portal: ENTERPRISE, workers: 12, uses: true },
  bursts: BURSTS,
  'bursts, worst bunching': WORST,
  'bursts, random lateness': { ...BURSTS, late: world => world.between(0, 4.2 * S), network: world => world.between(0, 700) },
  'bursts, random stalls': { ...BURSTS, late: stalled(4250), network: world => Math.min(stalled(5 * S)(world), 700) },
  'backlog, random lateness': { workers: 10, uses: true, late: world => world.between(0, 4.2 * S), network: world => world.between(0, 700) },
  'key evicted': { ...BURSTS, faults: (world) => { world.every(3 * S, 9 * S, () => world.forget()) } },
  'key evicted every 30 s of a backlog': { uses: true, faults: (world) => { world.every(30 * S, 30 * S, () => world.forget()) } },
  'all forgotten, a process new': { ...BURSTS, faults: (world) => { world.every(10 * S, 17 * S, async () => { world.replace(); await world.forget() }) } },
  'restarted with an old file': { ...BURSTS, faults: (world) => {
    world.every(0, 5 * S, () => world.keep())
    world.every(10 * S, 31 * S, async () => { world.downUntil = world.now + 500; world.run += 1; await world.putBack(20 * S); world.replace() })
  } },
  'state put back in the same run': { ...BURSTS, processes: 2, faults: (world) => { world.every(0, S, () => world.keep()); world.every(10 * S, 23 * S, () => world.putBack(30 * S)) } },
  'clock of Redis steps': { ...BURSTS, faults: (world) => { world.every(5 * S, 20 * S, () => { world.clockMs += (world.chance() < 0.5 ? -1 : 1) * world.between(1, 3600) * S }) } },
  'Redis away for a minute': { faults: (world) => { world.every(90 * S, 180 * S, () => { world.downUntil = world.now + 60 * S }) } },
  'Redis flaps': { ...BURSTS, faults: (world) => { world.every(10 * S, 8 * S, () => { world.downUntil = world.now + world.between(0.1, 6) * S }) } },
  'Redis away for one process': { uses: true, faults: (world) => { world.every(70 * S, 150 * S, () => { const one = world.some(); if (one !== undefined) one.cutUntil = world.now + 100 * S }) } },
  'slow and lost replies': { workers: 8, slowReplies: 0.05, lostReplies: 0.02 },
  'killed every minute': { uses: true, faults: (world) => { world.every(5 * S, 60 * S, () => { world.replace() }) } },
  'a process stands still before it sends': { demand: at => at % (90 * S) < 4 * S, processes: 1, workers: 40, late: world => world.between(S, 2 * S), faults: standStill },
  'two configurations at once': { processes: 2, workers: 10, faults: (world) => { world.spawn(ENTERPRISE); world.spawn(ENTERPRISE) } },
  'another program takes 0.5 a second': { mayRefuse: 0.05, faults: (world) => { world.every(S, 2 * S, () => { world.arrive('foreign') }) } }
}

const without = (rule: string, instead: string): string => {
  if (!SCRIPT.includes(rule)) throw new Error(`limiter.lua has no ${rule}`)
  return SCRIPT.replace(rule, instead)
}

/** Planted bugs by name: the rule that is taken away, and the scenario that must show it by refusals. */
export const PLANTED: Readonly<Record<string, { readonly scenario: string, readonly rules: Rules }>> = {
  'a limiter for each process': { scenario: 'backlog', rules: { key: 'per process' } },
  'a burst at an empty key': { scenario: 'all forgotten, a process new', rules: { script: without('if doubt ~= \'\' then tat = full + queue end', 'if doubt ~= \'\' then tat = now end') } },
  'deadline unchecked': { scenario: 'a process stands still before it sends', rules: { deadline: 'unchecked' } },
  'no strictest configuration': { scenario: 'two configurations at once', rules: { script: without('local HOLD = 60000000', 'local HOLD = 0') } },
  'no shadow': { scenario: 'state put back in the same run', rules: { shadow: 'none' } },
  'no run id': { scenario: 'restarted with an old file', rules: { script: without('s_run ~= run', 'false') } },
  'local bucket at the full rate': { scenario: 'Redis away for a minute', rules: { local: 'full rate' } },
  'no margin, worst bunching': { scenario: 'bursts, worst bunching', rules: { margin: 'none' } },
  'no margin, random stalls': { scenario: 'bursts, random stalls', rules: { margin: 'none' } },
  'no slower after refusals': { scenario: 'another program takes 0.5 a second', rules: { pace: 'none' } }
}
