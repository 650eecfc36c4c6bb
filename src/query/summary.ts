import { forecast } from '../domain/schedule/forecast.ts'
import { monotonicMs, now } from '../platform/clock.ts'
import type { Queryable } from '../platform/postgres.ts'
import { sumByPortal } from '../projections/deal/read.ts'
import type { PortalSums } from '../projections/deal/read.ts'
import { paceByPortal } from '../projections/transfer/read.ts'
import type { Pace } from '../projections/transfer/read.ts'
import { jsonNumber } from './shape.ts'

type Count = number | string
interface Sums {
  readonly signals: Count
  readonly open: Count
  readonly ends: { readonly applied: Count, readonly unchanged: Count, readonly superseded: Count, readonly skipped: Count, readonly parked: Count }
  readonly deferred: Count
  readonly unknown: Count
}

/** `backlog`: deals with an open signal; `clears_at` (RFC 3339): when it clears at the pace of the last two minutes, null when nothing is open or nothing moves. */
interface PortalSummary extends Sums { readonly backlog: Count, readonly clears_at: string | null }

/** Contract 5; `signals = open + Σ ends` holds in the whole and per portal, since one statement read them. */
export interface Summary extends Sums {
  readonly lag: { readonly signals: Count | null, readonly transfers: Count | null }
  readonly portals: Readonly<Record<string, PortalSummary>>
}

/** Records that are not projected yet; injected, since this room does not know the log. */
export type LagReader = () => Promise<{ readonly signals: bigint | number, readonly transfers: bigint | number }>

export interface SummaryDeps { readonly pool: Queryable, readonly lag: LagReader | undefined, readonly portals: readonly string[] }

const FRESH_MS = 500

/**
 * Gives the summary of all portals or of one. Callers within half a second share one reading, however many pages are
 * open; a log that is away makes the lag null and leaves the rest.
 */
export function createSummary ({ pool, lag, portals }: SummaryDeps): (portal: string | null) => Promise<Summary> {
  const recent = new Map<string | null, { at: number, summary: Promise<Summary> }>()
  async function read (portal: string | null): Promise<Summary> {
    const [rows, paces, behind] = await Promise.all([sumByPortal(pool, portal), paceByPortal(pool, portal), lagOf(lag)])
    const names = portal === null ? portals : portals.filter(name => name === portal)
    const all = [...rows, ...names.filter(name => rows.every(row => row.portal !== name)).map(nothing)]
    return { ...sums(all), lag: behind, portals: Object.fromEntries(all.map(row => [row.portal, { ...sums([row]), ...ahead(row, paces.find(pace => pace.portal === row.portal)) }])) }
  }
  return (portal) => {
    const known = recent.get(portal)
    if (known !== undefined && monotonicMs() - known.at < FRESH_MS) return known.summary
    const summary = read(portal)
    recent.set(portal, { at: monotonicMs(), summary })
    summary.catch(() => recent.delete(portal))
    return summary
  }
}

async function lagOf (lag: LagReader | undefined): Promise<Summary['lag']> {
  const none = { signals: null, transfers: null }
  if (lag === undefined) return none
  return await lag().then(({ signals, transfers }) => ({ signals: jsonNumber(BigInt(signals)), transfers: jsonNumber(BigInt(transfers)) }), () => none)
}

function sums (rows: readonly PortalSums[]): Sums {
  const sum = (pick: (row: PortalSums) => bigint): Count => jsonNumber(rows.reduce((total, row) => total + pick(row), 0n))
  return {
    signals: sum(r => r.signals),
    open: sum(r => r.open),
    ends: { applied: sum(r => r.applied), unchanged: sum(r => r.unchanged), superseded: sum(r => r.superseded), skipped: sum(r => r.skipped), parked: sum(r => r.parked) },
    deferred: sum(r => r.deferred),
    unknown: sum(r => r.unknown)
  }
}

function ahead ({ backlog }: PortalSums, pace: Pace | undefined): Pick<PortalSummary, 'backlog' | 'clears_at'> {
  const told = forecast({ open: Number(backlog), ended: pace?.ended ?? 0, overMs: pace?.overMs ?? 1 }, now())
  return { backlog: jsonNumber(backlog), clears_at: told.kind === 'clears' ? new Date(told.at).toISOString() : null }
}

function nothing (portal: string): PortalSums {
  return { portal, signals: 0n, open: 0n, applied: 0n, unchanged: 0n, superseded: 0n, skipped: 0n, parked: 0n, deferred: 0n, unknown: 0n, backlog: 0n }
}
