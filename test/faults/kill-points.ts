// Each named fail-point with a kill and with an error at it, under a small work load; all oracles after each round. A round has
// aims in each kind of process. How often a place is passed is counted in a round of its own, from which the late occurrences
// follow. A shot that finds no passing is repeated at an earlier one; a point that is not reached even so makes the run void.
//
//   npm run faults:points     the first and a late kill, the first error: about 18 minutes
//   … -- --all                the second kill, the second and a late error as well: about 32 minutes
//   … -- --only K11,K30       these alone
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startCampaign } from '../rig/campaign.ts'
import type { SeedResult } from '../rig/campaign.ts'
import { createChance } from '../support/chance.ts'
import type { Finding } from '../rig/evidence.ts'
import type { PlannedFault } from '../rig/nemesis.ts'
import { SHORT } from '../rig/times.ts'
import { AIMS, BATCH_CUT, KINDS, environmentsOf, occurrenceOf, planFor, roundsOf } from './aims.ts'
import type { Action, Shot, Which } from './aims.ts'
import { machineName, saveResult } from './results.ts'
import type { KillPointResult } from './results.ts'

const WORK_MS = 14_000
const TRIES = 3
const SOME: readonly (readonly [Action, Which])[] = [['kill', 'first'], ['throw', 'first'], ['kill', 'late']]
const REST: readonly (readonly [Action, Which])[] = [['kill', 'second'], ['throw', 'second'], ['throw', 'late']]

const { values } = parseArgs({ options: { only: { type: 'string' }, all: { type: 'boolean', default: false } } })
const only = values.only?.split(',')
const aims = AIMS.filter(each => only?.includes(each.point) ?? true)
const turns = values.all ? [...SOME, ...REST] : SOME
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
const began = Date.now()
say(JSON.stringify({ seed: began }))
const chance = createChance(began)
const campaign = await startCampaign({ times: SHORT, say })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void campaign.end().then(() => process.exit(1)) })
const seeds: SeedResult[] = []
const points: KillPointResult[] = []
const absent: string[] = []
let atEnd: Finding[] = []
let broken: string | null = null
try {
  const passed = await countPassings()
  if (only?.includes('K16') ?? true) await cutBatch()
  for (const [action, which] of turns) await shootAll(shotsOf(action, which, passed))
  atEnd = await campaign.finish()
} catch (error) {
  broken = error instanceof Error ? error.stack ?? error.message : String(error)
} finally {
  await campaign.end()
}
const missed = points.filter(({ hits }) => hits === 0).map(({ point, action, occurrence }) => `${point} was never reached with ${action} at occurrence ${occurrence}`)
const isVoid = [...broken === null ? [] : [`it broke off: ${broken}`], ...missed]
const left = values.all ? [] : ['the second kill, the second and a late error (`-- --all`)']
const file = saveResult('points', {
  command: `npm run faults:points${values.all ? ' -- --all' : ''}`, at: new Date(began).toISOString(), commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(), machine: machineName(),
  seconds: Math.round((Date.now() - began) / 1000), seeds, points, findings: atEnd, notRun: [...left, ...absent, 'K21, K22, K25 to K29: what they stand in is not built'], isVoid
})
const findings = [...seeds.flatMap(seed => seed.findings), ...atEnd]
process.stdout.write(`${JSON.stringify({ points: points.map(({ point, action, occurrence, hits }) => `${point} ${action} at ${occurrence}: ${hits}`), findings, isVoid, absent, file })}\n`)
process.exit(findings.length === 0 && isVoid.length === 0 ? 0 : 1)

/** Rounds in which nothing strikes, one of them with Kafka away: how often the process that passed each place the most did so. */
async function countPassings (): Promise<ReadonlyMap<string, number>> {
  for (const counted of [aims.filter(each => each.needs !== 'kafka away'), aims.filter(each => each.needs === 'kafka away')]) {
    if (counted.length > 0) await runRound(planFor(counted, WORK_MS), environmentsOf(counted.map(aim => ({ aim, occurrence: 1, action: 'count' }))))
  }
  const most = new Map<string, number>()
  for (const names of Object.values(KINDS)) for (const name of names) for (const [point, all] of Map.groupBy(hitsOf(name), hit => hit)) most.set(point, Math.max(most.get(point) ?? 0, all.length))
  say(JSON.stringify({ passed: Object.fromEntries(most) }))
  return most
}

function shotsOf (action: Action, which: Which, passed: ReadonlyMap<string, number>): Shot[] {
  return aims.filter(aim => (aim.actions ?? ['kill', 'throw']).includes(action)).flatMap((aim): Shot[] => {
    const times = passed.get(aim.point) ?? 0
    const occurrence = occurrenceOf(which, times, chance)
    if (occurrence === null) absent.push(`a ${which} ${action} at ${aim.point}, which a round passes ${times} times`)
    return occurrence === null ? [] : [{ aim, action, which, occurrence }]
  })
}

/** No two rounds are alike: a place that was passed often while all was quiet may be passed seldom while other processes are killed. */
async function shootAll (shots: readonly Shot[]): Promise<void> {
  let left = shots
  for (let tries = 1; tries <= TRIES && left.length > 0; tries += 1) {
    const from = points.length
    for (const round of roundsOf(left)) await shoot(round)
    const hit = new Set(points.slice(from).filter(({ hits }) => hits > 0).map(({ point }) => point))
    if (tries < TRIES) for (const done of points.splice(from)) if (hit.has(done.point)) points.push(done)
    left = left.filter(({ aim }) => !hit.has(aim.point)).map(shot => ({ ...shot, occurrence: Math.max(1, Math.floor(shot.occurrence / 2)) }))
  }
}

async function shoot (round: readonly Shot[]): Promise<void> {
  const before = Map.groupBy(allHits(), hit => hit)
  const { findings } = await runRound(planFor(round.map(shot => shot.aim), WORK_MS), environmentsOf(round))
  const after = Map.groupBy(allHits(), hit => hit)
  const done = round.map(({ aim: { point, process: kind }, action, occurrence }): KillPointResult => ({ point, action, process: kind, occurrence, hits: (after.get(point)?.length ?? 0) - (before.get(point)?.length ?? 0), findings }))
  points.push(...done)
  say(JSON.stringify({ round: seeds.length, points: done.map(({ findings: _, ...rest }) => rest), findings, drainMs: seeds.at(-1)?.drainMs }))
}

/** K16 stands in the portal and not in the code: full requests, one of which is cut after 25 deals. */
async function cutBatch (): Promise<void> {
  const { fired, findings } = await runRound(BATCH_CUT, new Map(), 60)
  points.push({ point: 'K16', action: 'cut', process: 'target', occurrence: 1, hits: fired.filter(fault => fault.fault === 'write batch_cut' && fault.didStrike).length, findings })
}

async function runRound (plan: readonly PlannedFault[], environments: ReadonlyMap<string, Readonly<Record<string, string>>>, perSecond = 10): Promise<SeedResult> {
  const result = await campaign.seed(1000 + seeds.length, { forMs: WORK_MS, perSecond, plan, environments })
  seeds.push(result)
  return result
}

function allHits (): string[] {
  return Object.values(KINDS).flat().flatMap(hitsOf)
}

/** The places that a process was struck at, or passed while they were counted, by its own record. */
function hitsOf (name: string): string[] {
  const program = campaign.system.programs.get(name)
  if (program === undefined) return []
  return [...readLog(program.logFile).matchAll(/"event":"failpoint","point":"(K\d+)"/g)].map(match => match[1] ?? '')
}

function readLog (file: string): string {
  try { return readFileSync(file, 'utf8') } catch { return '' }
}
