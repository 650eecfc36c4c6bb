import type { BudgetLevel } from '../../bitrix24/budget.ts'
import type { Standing } from '../../bitrix24/standing.ts'
import type { Forecast } from '../../domain/schedule/forecast.ts'
import { now } from '../../platform/clock.ts'
import type { DealState, PortalSums } from '../../projections/deal/read.ts'
import type { Status } from './gather.ts'
import { remedyOf } from './remedy.ts'

const STATES: readonly DealState[] = ['landed', 'waiting', 'deferred', 'parked', 'unknown', 'skipped', 'deleted']
const ENDS = ['applied', 'unchanged', 'superseded', 'skipped', 'parked'] as const

const AWAY = {
  postgres: 'PostgreSQL does not answer: what arrived and landed cannot be shown. Signals wait in the log meanwhile.',
  kafka: 'Kafka does not answer: how far these figures are behind is not known. Webhooks wait on the disk of ingest meanwhile.',
  redis: 'Redis does not answer: the budgets are not known. Portals are called at 3 % of their rate meanwhile.'
} as const

/** The screen for a person, a line each. */
export function linesOfStatus (status: Status, nowMs: number = now()): string[] {
  const { sums, states, parked, backlog, lag, budget, portals, away } = status
  return [
    ...sums === null ? [] : [line('Signals', signals(sums))],
    ...states === null ? [] : [line('Deals', STATES.map(state => `${states.get(state) ?? 0n} ${state}`).join(', '))],
    ...parked === null || parked.length === 0 ? [] : [line('Parked', `${parked.map(({ reason, deals }) => `${deals} ${reason}`).join(', ')}; see dealbridge parked list`)],
    ...backlog === null ? [] : backlog.map(({ portal, deals, forecast }, i) => line(i === 0 ? 'Backlog' : '', `${portal}: ${deals} ${deals === 1n ? 'deal' : 'deals'}, ${clearing(forecast, nowMs)}`)),
    ...lag === null ? [] : [line('Lag', behind(lag))],
    ...budget === null ? [] : [...budget].map(([portal, level], i) => line(i === 0 ? 'Budget' : '', `${portal}: ${level === null ? 'not used yet' : budgetOf(level)}`)),
    ...portals === null ? [] : [...portals].flatMap(([portal, standing]) => troubleOf(portal, standing, nowMs)).map((text, i) => line(i === 0 ? 'Portals' : '', text)),
    ...away.map((name, i) => line(i === 0 ? 'Away' : '', AWAY[name]))
  ]
}

/** The same as one JSON object: null for what is not known, and `away` names the parts that did not answer. */
export function jsonOfStatus ({ sums, states, parked, backlog, lag, budget, portals, away }: Status): object {
  return {
    signals: sums === null ? null : total(sums, 'signals'),
    open: sums === null ? null : total(sums, 'open'),
    ends: sums === null ? null : Object.fromEntries(ENDS.map(end => [end, total(sums, end)])),
    ...Object.fromEntries(STATES.map(state => [state, states === null ? null : Number(states.get(state) ?? 0n)])),
    reasons: parked === null ? null : Object.fromEntries(parked.map(({ reason, deals }) => [reason, Number(deals)])),
    backlog: backlog === null ? null : Object.fromEntries(backlog.map(({ portal, deals, forecast }) => [portal, { deals: Number(deals), clears_at: forecast.kind === 'clears' ? new Date(forecast.at).toISOString() : null }])),
    lag: lag === null ? null : { signals: Number(lag.signals), transfers: Number(lag.transfers) },
    budget: budget === null ? null : Object.fromEntries(budget),
    portals: portals === null ? null : Object.fromEntries([...portals].map(([portal, standing]) => [portal, jsonOfStanding(standing)])),
    away
  }
}

function signals (sums: readonly PortalSums[]): string {
  const ended = ENDS.map(end => `${total(sums, end)} ${end}`).join(', ')
  return `${total(sums, 'signals')}: ${total(sums, 'open')} open, ${ended}`
}

/** In the time zone of this machine, with the date when that is not today's. */
function clearing (forecast: Forecast, nowMs: number): string {
  if (forecast.kind !== 'clears') return 'none of which came to an end in the last two minutes: no forecast'
  const [at, today] = [new Date(forecast.at), new Date(nowMs)]
  const two = (part: number): string => String(part).padStart(2, '0')
  const date = at.toDateString() === today.toDateString() ? '' : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `
  return `clears at ${date}${two(at.getHours())}:${two(at.getMinutes())}`
}

function behind ({ signals: unseen, transfers }: NonNullable<Status['lag']>): string {
  if (unseen + transfers === 0n) return 'none, these figures are those of the log'
  return `${unseen} signals and ${transfers} outcomes of the log are not in these figures yet`
}

function budgetOf ({ used, depth, per_second: rate }: BudgetLevel): string {
  const waiting = Math.max(0, used - depth)
  return `${Math.min(used, depth)} of ${depth} requests used, ${rate} a second come back${waiting > 0 ? `, ${waiting} wait` : ''}`
}

/** A line for a portal that is not called now; one that works has its budget and no line here. */
function troubleOf (portal: string, standing: Standing | null, nowMs: number): string[] {
  if (standing === null || standing.state === 'works') return []
  const minutes = Math.max(0, Math.round((nowMs - standing.since) / 60_000))
  const how = `for ${minutes} min; its deals wait, and it is used again as soon as a probe succeeds`
  if (standing.state === 'failing') return [`${portal}: does not answer, or only with errors, ${how}.`]
  return [`${portal}: refuses everything ${how}. It says ${standing.detail}. ${remedyOf(standing.code)}`]
}

function jsonOfStanding (standing: Standing | null): object {
  if (standing === null) return { state: 'unknown' }
  return standing.state === 'works' ? standing : { ...standing, since: new Date(standing.since).toISOString() }
}

function total (sums: readonly PortalSums[], what: 'signals' | 'open' | typeof ENDS[number]): number {
  return Number(sums.reduce((sum, row) => sum + row[what], 0n))
}

function line (head: string, text: string): string {
  return `${head.padEnd(8)}  ${text}`
}
