// Each named fail-point with a kill and with an error at it, under a small work load; all oracles after each round.
// A round arms one point in each kind of process, so that four come at a time. A point that is never reached makes the run void.
//
//   npm run faults:points     about 16 minutes
//   … -- --only K11,K30
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Failpoint } from '../../src/platform/failpoint.ts'
import { startCampaign } from '../rig/campaign.ts'
import type { SeedResult } from '../rig/campaign.ts'
import { createChance } from '../support/chance.ts'
import type { Finding } from '../rig/evidence.ts'
import type { PlannedFault } from '../rig/nemesis.ts'
import { SHORT } from '../rig/times.ts'
import { machineName, saveResult } from './results.ts'
import type { KillPointResult } from './results.ts'

type Action = 'kill' | 'throw'
/** What leads to a point: with Kafka away, after a refusal of the target, in general. */
interface Aim { readonly point: Failpoint, readonly occurrence: number, readonly needs?: 'kafka away' | 'failing target' | 'stopped target', readonly actions?: readonly Action[] }

const aim = (point: Failpoint, occurrence = 2, more: Pick<Aim, 'needs' | 'actions'> = {}): Aim => ({ point, occurrence, ...more })
const AIMS: Readonly<Record<string, readonly Aim[]>> = {
  ingest: [aim('K1'), aim('K2'), aim('K3'), aim('K4'), aim('K5', 1, { needs: 'kafka away' }), aim('K6', 1, { needs: 'kafka away' }), aim('K7', 1, { needs: 'kafka away' })],
  dispatcher: [
    aim('K8'), aim('K9'), aim('K10'), aim('K11'), aim('K12'), aim('K13'), aim('K14'), aim('K15'), aim('K17', 1, { needs: 'failing target' }), aim('K18', 1, { needs: 'stopped target' }), aim('K19', 1), aim('K20', 1),
    // No line there can fail: an error would be the test's own invention.
    aim('K30', 2, { actions: ['kill'] })
  ],
  projector: [aim('K23'), aim('K24')],
  sweep: [aim('K31', 1), aim('K32', 1)]
}
const PROGRAMS: Readonly<Record<string, readonly string[]>> = { ingest: ['ingest-1', 'ingest-2'], dispatcher: ['dispatcher-1', 'dispatcher-2'], projector: ['projector'], sweep: ['sweep'] }
const WORK_MS = 14_000

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const only = values.only?.split(',')
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
const began = Date.now()
const campaign = await startCampaign({ times: SHORT, say, chance: createChance(began).next })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void campaign.end().then(() => process.exit(1)) })
const seeds: SeedResult[] = []
const points: KillPointResult[] = []
let atEnd: Finding[] = []
let broken: string | null = null
try {
  for (const [number, round] of rounds().entries()) {
    const environments = new Map(Object.entries(round.aims).flatMap(([kind, { point, occurrence }]) => (PROGRAMS[kind] ?? []).map(name => [name, { FAILPOINTS: `${point}:${occurrence}:${round.action}`, DEALBRIDGE_FAULTS: 'allow' }] as const)))
    const before = hitsSoFar()
    const result = await campaign.seed(1000 + number, { forMs: WORK_MS, perSecond: 10, plan: planFor(Object.values(round.aims)), environments })
    seeds.push(result)
    const after = hitsSoFar()
    for (const [kind, { point, occurrence }] of Object.entries(round.aims)) {
      points.push({ point, action: round.action, process: kind, occurrence, hits: (after.get(point) ?? 0) - (before.get(point) ?? 0), findings: result.findings })
    }
    say(JSON.stringify({ round: number, points: points.slice(-Object.keys(round.aims).length).map(({ point, action, hits }) => ({ point, action, hits })), findings: result.findings, drainMs: result.drainMs }))
  }
  atEnd = await campaign.finish()
} catch (error) {
  broken = error instanceof Error ? error.stack ?? error.message : String(error)
} finally {
  await campaign.end()
}
const missed = points.filter(({ hits }) => hits === 0).map(({ point, action }) => `${point} was never reached with ${action}`)
const isVoid = [...broken === null ? [] : [`it broke off: ${broken}`], ...missed]
const file = saveResult('points', {
  command: 'npm run faults:points', at: new Date(began).toISOString(), commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(), machine: machineName(),
  seconds: Math.round((Date.now() - began) / 1000), seeds, points, findings: atEnd, notRun: ['K21, K22, K25 to K29: what they stand in is not built', 'K16 is a batch that the portal cuts in the middle: the nemesis does it'], isVoid
})
const findings = [...seeds.flatMap(seed => seed.findings), ...atEnd]
process.stdout.write(`${JSON.stringify({ points: points.map(({ point, action, hits }) => `${point} ${action} ${hits}`), findings, isVoid, file })}\n`)
process.exit(findings.length === 0 && isVoid.length === 0 ? 0 : 1)

interface Round { readonly action: Action, readonly aims: Readonly<Record<string, Aim>> }

/** Rounds of one aim for each kind of process, until every aim has had its turn with each action. */
function rounds (): Round[] {
  return (['kill', 'throw'] as const).flatMap((action) => {
    const left = Object.entries(AIMS).map(([kind, aims]) => ({ kind, aims: aims.filter(each => (each.actions ?? ['kill', 'throw']).includes(action) && (only?.includes(each.point) ?? true)) }))
    const length = Math.max(...left.map(({ aims }) => aims.length))
    return Array.from({ length }, (_, i) => ({ action, aims: Object.fromEntries(left.flatMap(({ kind, aims }) => { const each = aims[i]; return each === undefined ? [] : [[kind, each] as const] })) }))
  })
}

/** Webhooks get lost, so that the sweep has something to find; and what the points need. */
function planFor (aims: readonly Aim[]): PlannedFault[] {
  const needs = new Set(aims.map(each => each.needs))
  const lost = (['acme', 'beta'] as const).map((target): PlannedFault => ({ at: 500, fault: 'webhook drop', target, forMs: WORK_MS - 2000, how: { kind: 'portal', spec: { where: 'webhook', mode: 'drop', probability: 0.3 } } }))
  return [
    ...lost,
    ...needs.has('kafka away') ? [{ at: 3000, fault: 'SIGKILL', target: 'kafka-1', forMs: 3000, how: { kind: 'kill-part' } } satisfies PlannedFault] : [],
    ...needs.has('failing target') ? [{ at: 4000, fault: 'answer 503', target: 'main', forMs: 3000, how: { kind: 'portal', spec: { where: 'answer', mode: '503', times: 3 } } } satisfies PlannedFault] : [],
    ...needs.has('stopped target') ? [{ at: 4000, fault: 'auth no_auth', target: 'main', forMs: 3000, how: { kind: 'portal', spec: { where: 'auth', mode: 'no_auth', times: 2 } } } satisfies PlannedFault] : []
  ]
}

/** How often each point has struck, by the processes' own records. */
function hitsSoFar (): Map<string, number> {
  const lines = [...campaign.system.programs.values()].flatMap(program => [...readLog(program.logFile).matchAll(/"event":"failpoint","point":"(K\d+)"/g)])
  return new Map([...Map.groupBy(lines, match => match[1] ?? '')].map(([point, all]) => [point, all.length]))
}

function readLog (file: string): string {
  try { return readFileSync(file, 'utf8') } catch { return '' }
}
