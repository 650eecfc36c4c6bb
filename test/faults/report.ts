// Writes docs/proof.md from the latest results of the campaigns: what was measured, and the command that measures it again.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Finding } from '../rig/evidence.ts'
import { INVARIANTS } from '../oracles/invariants.ts'
import { loadBudget, loadResult } from './results.ts'
import type { BudgetResult, CampaignResult } from './results.ts'

const PAGE = fileURLToPath(new URL('../../docs/proof.md', import.meta.url))
const CAMPAIGNS = [['faults', 'Random faults'], ['night', 'A night of random faults, with the times of real portals'], ['points', 'Kill points']] as const

const HEAD = `# Proof

What the fault rig measured, written by \`npm run faults:report\` from the last run of each campaign. A whole dealbridge runs as child
processes on real parts with a fault proxy on every edge; people work in two simulated portals; a seed decides what is broken and when.
After each seed everything is healed, and when nothing drains any more the oracles (\`test/oracles/\`, each with planted anomalies) look at
the portals' journals, the ledger of all saves, the whole log, the dispatcher's tables and the read models. What is not listed was not run.

`

const budget = loadBudget()
const found = CAMPAIGNS.flatMap(([name, title]) => { const result = loadResult(name); return result === null ? [] : [{ title, result }] })
if (found.length === 0 && budget === null) {
  process.stderr.write('There are no results yet; run one first: npm run faults\n')
  process.exit(1)
}
writeFileSync(PAGE, HEAD + [...found.map(({ title, result }) => section(title, result)), ...budget === null ? [] : [budgetSection(budget)]].join('\n'))
process.stdout.write(`${JSON.stringify({ page: 'docs/proof.md', campaigns: found.length, budget: budget !== null })}\n`)

function section (title: string, result: CampaignResult): string {
  const { seeds, points } = result
  const findings = [...seeds.flatMap(seed => seed.findings), ...result.findings]
  const sum = (pick: (seed: CampaignResult['seeds'][number]) => number): number => seeds.reduce((total, seed) => total + pick(seed), 0)
  const most = (pick: (seed: CampaignResult['seeds'][number]) => number): number => Math.max(0, ...seeds.map(pick))
  const signals = seeds.flatMap(seed => seed.fired.filter(fault => fault.didStrike).flatMap(fault => fault.signal ?? []))
  const times = seeds.at(-1)?.times
  const rows: [string, string | number][] = [
    ['command', `\`${result.command}\``], ['run', `${result.at}, ${Math.round(result.seconds / 60)} min, commit ${result.commit}`], ['machine', result.machine],
    [points.length > 0 ? 'rounds' : 'seeds', points.length > 0 ? seeds.length : seeds.map(seed => seed.seed).join(', ')],
    ['saves in the source portals', sum(seed => seed.saves)], ['webhooks answered / not', `${sum(seed => seed.webhooks.answered)} / ${sum(seed => seed.webhooks.failed)}`],
    ['signals in the log', sum(seed => seed.signals)], ['outcomes', Object.entries(merge(seeds.map(seed => seed.outcomes))).map(([name, count]) => `${name.replace('Transfer', '')} ${count}`).join(', ')],
    ['faults planned / that struck', `${sum(seed => seed.plan.length)} / ${sum(seed => seed.fired.filter(fault => fault.didStrike).length)}`],
    ['SIGKILL / SIGSTOP', `${signals.filter(name => name === 'SIGKILL').length} / ${signals.filter(name => name === 'SIGSTOP').length}`],
    ['**lost** (I1, I4, I7)', count(findings, ['I1', 'I4', 'I7'])], ['**duplicate** (I3)', count(findings, ['I3'])], ['**out of order** (I6)', count(findings, ['I6'])], ['**regressions** (I5)', count(findings, ['I5'])],
    ['other findings', findings.length - count(findings, ['I1', 'I3', 'I4', 'I5', 'I6', 'I7'])],
    ['503 and 429 answers, ordered by the rig or not', sum(seed => seed.refused)], ['of these by our doing (I12)', count(findings, ['I12'])],
    ['budget of the target used, least to most', `${percent(Math.min(...seeds.map(seed => seed.budgetUse)))} to ${percent(most(seed => seed.budgetUse))}`],
    ...times === undefined ? [] : timeRows(times),
    ['longest stall: a save until the target had it', seconds(most(seed => seed.longestStallMs))], ['longest drain after the last heal', seconds(most(seed => seed.drainMs))],
    ['longest wait for a new deal after the last heal', seconds(most(seed => seed.probeMs ?? Infinity))], ['processes that ended by themselves and were started again', sum(seed => seed.ownEnds.filter(end => !end.includes('"failpoint"')).length)], ['most memory of a process', `${most(seed => seed.mostMb)} MB`]
  ]
  return [
    `## ${title}`, '', ...result.isVoid.map(why => `**Void: ${why}.**\n`), '| what | measured |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`), '',
    ...invariantTable(result), ...(result.storms ?? []).length > 0 ? stormTable(result) : [],
    ...points.length > 0 ? pointTable(result) : faultTable(result), ...findings.length > 0 ? ['### Findings', '', ...findings.map(each => `- ${each.invariant} ${each.about}: ${each.what}`), ''] : [],
    `Not run: ${result.notRun.join('; ')}.`, ''
  ].join('\n')
}

function timeRows ({ staleChange, staleDeletion, front }: CampaignResult['seeds'][number]['times']): [string, string][] {
  return [
    ['longest time of a change, of a deletion, from the save or the last fault on its way (I2)', `${seconds(staleChange)}, ${seconds(staleDeletion)}`],
    ['webhooks of the front: half within, 99 of 100 within, longest', `${front.sent}: ${front.p50} ms, ${front.p99} ms, ${front.most} ms`],
    ['of these met no fault on their way: 99 of 100 within (I23: 500 ms)', `${front.quiet}: ${front.quietP99} ms, ${front.isJudged ? 'judged' : 'not judged, since they are fewer than 200 or the machine was late'} (rig's loop late by ${front.loopLag} ms)`]
  ]
}

/** Each invariant with what was looked at, so that a check of nothing is seen. */
function invariantTable (result: CampaignResult): string[] {
  const findings = [...result.seeds.flatMap(seed => seed.findings), ...result.findings]
  const looked = lookedOver(result)
  const rows = INVARIANTS.map(({ id, says, looksAt, whyNot }) => {
    if (looksAt === null) return `| ${id} | ${says} | not checked: ${whyNot ?? ''} | |`
    const number = looked[id]
    return `| ${id} | ${says} | ${number === undefined ? 'not checked in this run' : `${number} ${looksAt}${number === 0 ? ': **nothing was checked**' : ''}`} | ${number === undefined ? '' : count(findings, [id])} |`
  })
  return ['| invariant | says | looked at | findings |', '|---|---|---|---|', ...rows, '']
}

/** The numbers of the last seed stand for the whole run; what is asked at its end is added. */
function lookedOver ({ seeds, storms = [] }: CampaignResult): Record<string, number> {
  return {
    ...seeds.at(-1)?.looked, I20: seeds.length,
    ...storms.length === 0 ? {} : { I13: storms.reduce((sum, storm) => sum + storm.calls, 0) }
  }
}

function stormTable ({ storms = [] }: CampaignResult): string[] {
  const rows = storms.map(({ kind, seconds: length, operations, calls, openedMs, probes, closedMs }) =>
    `| ${kind} | ${length} s | ${operations} | ${calls} | ${operations === 0 ? '-' : (calls / operations).toFixed(2)} | ${kind === 'outage' ? `${seconds(openedMs)}, ${probes}` : '-'} | ${closedMs === null ? 'never' : seconds(closedMs)} |`)
  return ['| storm (I13) | lasted | operations | calls | calls per operation | circuit open after, probes then | first good answer after its end |', '|---|---|---|---|---|---|---|', ...rows, '']
}

function budgetSection (result: BudgetResult): string {
  const rows: [string, string | number][] = [
    ['command', `\`${result.command}\``], ['run', `${result.at}, ${Math.round(result.seconds / 60)} min, commit ${result.commit}`], ['machine', result.machine],
    ['deals in the backlog', result.deals], ['limits of the target', '2 requests a second, 50 at once'], ['dispatchers', 2],
    ['Redis emptied (FLUSHALL) after', `${result.flushedAt} deals`], ['the dispatcher at work killed (SIGKILL) after', `${result.killedAt} deals (${result.killed})`],
    ['all landed after', seconds(result.landedMs)], ['requests to the target', result.requests], ['**503 by our doing** (I12)', result.refused],
    ['highest level of the bucket (50 is full)', result.highest.toFixed(1)], ['budget used between the first and the last request', percent(result.share)], ['findings', result.findings.length]
  ]
  return [
    '## The budget of a real portal', '', '| what | measured |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`), '',
    ...result.findings.map(each => `- ${each.invariant} ${each.about}: ${each.what}`), ''
  ].join('\n')
}

function percent (share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function seconds (ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function faultTable ({ seeds }: CampaignResult): string[] {
  const fired = Map.groupBy(seeds.flatMap(seed => seed.fired), fault => fault.fault)
  return ['| fault | fired | struck something |', '|---|---|---|', ...[...fired].toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, all]) => `| ${name} | ${all.length} | ${all.filter(fault => fault.didStrike).length} |`), '']
}

function pointTable ({ points }: CampaignResult): string[] {
  return ['| point | action | in | at its passing | hits | findings in its round |', '|---|---|---|---|---|---|', ...points.map(each => `| ${each.point} | ${each.action} | ${each.process} | ${each.occurrence} | ${each.hits} | ${each.findings.length} |`), '']
}

function count (findings: readonly Finding[], invariants: readonly string[]): number {
  return findings.filter(each => invariants.includes(each.invariant)).length
}

function merge (counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const each of counts) for (const [name, value] of Object.entries(each)) all[name] = (all[name] ?? 0) + value
  return all
}
