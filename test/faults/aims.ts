import type { Failpoint } from '../../src/platform/failpoint.ts'
import type { Chance } from '../support/chance.ts'
import type { PlannedFault } from '../rig/nemesis.ts'

export type Action = 'kill' | 'throw'
export type Which = 'first' | 'second' | 'late'

/** A place, the process it stands in, and what leads to it besides work. */
export interface Aim { readonly point: Failpoint, readonly process: Kind, readonly needs?: Need, readonly actions?: readonly Action[] }
export type Kind = 'ingest' | 'dispatcher' | 'projector' | 'sweep'
type Need = 'kafka away' | 'failing target' | 'stopped target'

/** A turn of an aim: the process acts at this passing of the place. */
export interface Shot { readonly aim: Aim, readonly action: Action, readonly which: Which, readonly occurrence: number }

const aimsOf = (process: Kind, points: readonly Failpoint[], more: Pick<Aim, 'needs' | 'actions'> = {}): Aim[] => points.map(point => ({ point, process, ...more }))

export const AIMS: readonly Aim[] = [
  ...aimsOf('ingest', ['K1', 'K2', 'K3', 'K4']), ...aimsOf('ingest', ['K5', 'K6', 'K7'], { needs: 'kafka away' }),
  ...aimsOf('dispatcher', ['K8', 'K9', 'K10', 'K11', 'K12', 'K13', 'K14', 'K15']), ...aimsOf('dispatcher', ['K17'], { needs: 'failing target' }),
  ...aimsOf('dispatcher', ['K18'], { needs: 'stopped target' }), ...aimsOf('dispatcher', ['K19', 'K20']),
  // No line there can fail: an error would be the test's own invention.
  ...aimsOf('dispatcher', ['K30'], { actions: ['kill'] }),
  ...aimsOf('projector', ['K23', 'K24']), ...aimsOf('sweep', ['K31', 'K32'])
]
export const KINDS: Readonly<Record<Kind, readonly string[]>> = { ingest: ['ingest-1', 'ingest-2'], dispatcher: ['dispatcher-1', 'dispatcher-2'], projector: ['projector'], sweep: ['sweep'] }

/** A killed process is struck once a round; an error leaves it alive for more. */
const AT_ONCE: Readonly<Record<Action, number>> = { kill: 1, throw: 3 }

/**
 * The occurrence of an aim by how often a process passed the place in the counting round: a late one lies between three and six
 * tenths of that, by chance, since a round with kills passes it less often. Null when the place was passed too seldom to have one.
 */
export function occurrenceOf (which: Which, passed: number, chance: Chance): number | null {
  const wanted = which === 'first' ? 1 : which === 'second' ? 2 : Math.max(3, Math.floor(passed * chance.between(0.3, 0.6)))
  return which === 'first' || wanted <= passed ? wanted : null
}

/** Puts shots of one action into rounds in which all kinds of process have their turn side by side. */
export function roundsOf (shots: readonly Shot[]): Shot[][] {
  const rounds: Shot[][] = []
  for (const ofKind of Map.groupBy(shots, ({ aim }) => aim.process).values()) {
    ofKind.forEach((shot, i) => (rounds[Math.floor(i / AT_ONCE[shot.action])] ??= []).push(shot))
  }
  return rounds
}

/** The variables of each process for a round. */
export function environmentsOf (shots: readonly { readonly aim: Aim, readonly occurrence: number, readonly action: string }[]): Map<string, Record<string, string>> {
  const byKind = Map.groupBy(shots, ({ aim }) => aim.process)
  return new Map([...byKind].flatMap(([kind, own]) => {
    const FAILPOINTS = own.map(({ aim, occurrence, action }) => `${aim.point}:${occurrence}:${action}`).join(',')
    return KINDS[kind].map(name => [name, { FAILPOINTS, DEALBRIDGE_FAULTS: 'allow' }] as const)
  }))
}

/** Webhooks get lost, so that the sweep has something to find; and what the aims need. */
export function planFor (aims: readonly Aim[], workMs: number): PlannedFault[] {
  const needs = new Set(aims.map(each => each.needs))
  const lost = (['acme', 'beta'] as const).map((target): PlannedFault => ({ at: 500, fault: 'webhook drop', target, forMs: workMs - 2000, how: { kind: 'portal', spec: { where: 'webhook', mode: 'drop', probability: 0.3 } } }))
  return [
    ...lost,
    ...needs.has('kafka away') ? [{ at: 3000, fault: 'SIGKILL', target: 'kafka-1', forMs: 3000, how: { kind: 'kill-part' } } satisfies PlannedFault] : [],
    ...needs.has('failing target') ? [{ at: 4000, fault: 'answer 503', target: 'main', forMs: 3000, how: { kind: 'portal', spec: { where: 'answer', mode: '503', times: 3 } } } satisfies PlannedFault] : [],
    ...needs.has('stopped target') ? [{ at: 4000, fault: 'auth no_auth', target: 'main', forMs: 3000, how: { kind: 'portal', spec: { where: 'auth', mode: 'no_auth', times: 2 } } } satisfies PlannedFault] : []
  ]
}

/** K16: the target stands still until whole requests have gathered, and is cut after 25 of one of more than 30 deals (look-ups and contacts ride along). */
export const BATCH_CUT: readonly PlannedFault[] = [
  { at: 2000, fault: 'portal frozen', target: 'main', forMs: 4500, how: { kind: 'freeze-portal' } },
  { at: 1000, fault: 'write batch_cut', target: 'main', forMs: 12_000, how: { kind: 'portal', spec: { where: 'write', mode: 'batch_cut', after: 25, times: 1, contains: '"w30"' } } }
]
