import { monotonicMs } from '../../platform/clock.ts'
import type { Forecast } from '../../sweep/forecast.ts'
import type { Visited } from '../../sweep/visit.ts'
import type { ProgressOutput } from '../progress.ts'

const EVERY_MS = 3000

/** What `sweep run` says of a portal in the end; null stands for one that another process has in hand. */
export function visitLine (portal: string, visited: Visited | null): string {
  if (visited === null) return `${portal}: busy, another process has it in hand`
  const { result, code, counts } = visited
  const said = [
    `${portal}: ${result}${code === null ? '' : ` (${code})`}`, `${counts.listed} changed deals listed`, `${counts.signalled} signalled`, `${counts.asked} looked at by the full pass`,
    `${counts.backfilled} signalled as there from before`, `${counts.deleted} signalled as deleted`, `${counts.requests} requests`
  ]
  if (counts.absent > 0) said.push(`${counts.absent} are absent, too many to be deletions, and were not signalled: look at the rights of the webhook's author, or say --full --yes`)
  return said.join(', ')
}

/** How far a full pass is, in one line. */
export function forecastLine (portal: string, { total, listed, signalled, ended, perSecond, etaSeconds }: Forecast): string {
  const of = total === null ? '' : ` of ${total}`
  return `${portal}: ${listed}${of} deals looked at, ${signalled} signalled as there from before, ${ended} of them ended, ${perSecond.toFixed(1)} a second, ${etaSeconds === null ? 'no end in sight yet' : `${durationOf(etaSeconds)} left`}`
}

/** Says a full pass's progress every three seconds, and what it said last for each portal. */
export function createSweepProgress (output: ProgressOutput, clock: () => number = monotonicMs): { told: (portal: string, forecast: Forecast) => void, last: (portal: string) => Forecast | null } {
  const latest = new Map<string, Forecast>()
  let said = clock()
  return {
    told (portal, forecast) {
      latest.set(portal, forecast)
      if (clock() - said < EVERY_MS) return
      said = clock()
      output.write(`${forecastLine(portal, forecast)}\n`)
    },
    last: portal => latest.get(portal) ?? null
  }
}

function durationOf (seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.ceil(seconds % 3600 / 60)} min`
}
