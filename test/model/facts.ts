import type { TransferEvent } from '../../src/domain/transfer/events.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { createChance } from '../support/chance.ts'
import type { Chance } from '../support/chance.ts'
import { createGates } from './gates.ts'
import type { Gates } from './gates.ts'
import type { Bug } from './process.ts'
import { createSource } from './source.ts'
import type { Source } from './source.ts'
import { createTarget } from './target.ts'
import type { Target } from './target.ts'
import { BEGIN_MS, startVirtualTime } from './virtual-time.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What may go wrong, each as often as the scenario says: the faults of the transfer's model. */
export type Fault = 'lost' | 'drop' | 'cut' | 'errDone' | 'err' | 'half' | 'lag' | 'loss' | 'dup' | 'crash' | 'freeze' | 'person' | 'unread'

/** `values`: the states each deal goes through; X is one that the mapping refuses. `linked`: the first is transferred before. */
export interface Scenario {
  readonly name: string
  readonly values: string
  readonly processes: 1 | 2
  readonly faults: Partial<Record<Fault, number>>
  readonly linked?: boolean
  readonly noSweep?: boolean
  readonly missing?: 'park' | 'recreate'
}

/** Defects of the surroundings rather than of the dispatcher: what the sweep compares with. */
export interface WorldBug extends Bug { readonly sweepComparesWithTransferred?: boolean }

/** The databases of plays: `admin` and `clock` see the real world, processes get pools of their own. */
export interface Stage { readonly url: string, readonly admin: Pool, readonly clock: Pool }

/** Which play it is. */
export interface Play { readonly stage: Stage, readonly scenario: Scenario, readonly seed: number, readonly bug: WorldBug }

/** What is true in a play, and what has happened in it. */
export interface Facts extends Omit<Play, 'seed'> {
  readonly chance: Chance
  readonly time: VirtualTime
  readonly gates: Gates
  readonly source: Source
  readonly target: Target
  /** How often each fault may still happen. */
  readonly left: Partial<Record<Fault, number>>
  readonly trace: string[]
  /** Attempts that truly took effect. */
  readonly applied: Set<string>
  /** Origins whose copy a person has deleted. */
  readonly removed: Set<string>
  /** Signals and outcomes by deal. */
  readonly signals: Map<string, number>
  readonly events: Map<string, TransferEvent[]>
  /** The first property that broke. */
  broken: string | null
  /** No fault and no change comes any more. */
  calm: boolean
  readonly say: (line: string) => void
  readonly breaks: (why: string) => void
  /** Whether the fault may happen now. */
  readonly has: (fault: Fault) => boolean
  readonly take: (fault: Fault) => void
}

export const DEALS: readonly string[] = ['11', '12']
export const PORTAL = 'acme'

export const keyOf = (dealId: string): string => `${PORTAL}:${dealId}`

/** The facts of a play that has not begun; from now on the clocks are the play's. */
export function createFacts ({ stage, scenario, seed, bug }: Play): Facts {
  const time = startVirtualTime(stage.clock)
  const left: Partial<Record<Fault, number>> = { ...scenario.faults }
  const trace: string[] = []
  const facts: Facts = {
    stage, scenario, bug, time, left, trace, chance: createChance(seed), gates: createGates(), source: createSource(PORTAL, DEALS), target: createTarget(),
    applied: new Set(), removed: new Set(), signals: new Map(DEALS.map(id => [id, 0])), events: new Map(DEALS.map(id => [id, []])),
    broken: null, calm: scenario.linked === true,
    say: (line) => { trace.push(`${String(time.nowMs() - BEGIN_MS).padStart(6)} ${line}`) },
    breaks: (why) => { facts.broken ??= why },
    has: fault => !facts.calm && (left[fault] ?? 0) > 0,
    take: (fault) => { left[fault] = (left[fault] ?? 0) - 1 }
  }
  return facts
}
