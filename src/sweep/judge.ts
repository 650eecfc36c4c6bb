import type { TargetDeal } from '../bitrix24/read.ts'
import { versionOf } from '../bitrix24/version.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import type { Version } from '../domain/transfer/version.ts'
import { failpoint } from '../platform/failpoint.ts'
import { UNKNOWN_DEAL } from './compare.ts'
import type { Standing, Verdict } from './compare.ts'
import type { Finding } from './signal.ts'
import { readStandings } from './sql/standing.ts'
import { tell } from './work.ts'
import type { Work } from './work.ts'

/**
 * Which pass listed the deals. By time: all of them changed at or after `from` (ms). By id: any deal there is; those that changed
 * at or after `from` are left to the next pass by time, which lists them.
 */
export interface Listing { readonly by: 'time' | 'id', readonly from: number }

/**
 * What came of listed deals: how many went into the backfill, the modification time of the oldest that cannot be judged yet
 * (ms), and those that stand in the target as they are.
 */
export interface Judged { readonly backfilled: number, readonly oldestLater: number | null, readonly landed: readonly TargetDeal[] }

interface Seen { readonly id: string, readonly version: Version, readonly modified: string, readonly created: number }
type Found = Omit<Finding, 'portal'>

/** Signals what differs among listed deals from the version in which they last ended. */
export async function judge (work: Work, deals: readonly TargetDeal[], listing: Listing): Promise<Judged> {
  const { portal, pool, telemetry, parts, backfill, counts } = work
  telemetry.listed.inc({ portal }, deals.length)
  // Made by us in a portal that is source and target at once: it is never carried on (contract 3).
  const foreign = deals.filter(({ deal }) => deal['ORIGINATOR_ID'] !== ORIGINATOR)
  counts.own += deals.length - foreign.length
  if (foreign.length === 0) return { backfilled: 0, oldestLater: null, landed: [] }
  const standings = await readStandings(pool, portal, foreign.map(each => each.id))
  const findings: Found[] = []
  const landed: TargetDeal[] = []
  let oldestLater: number | null = null
  for (const listed of foreign) {
    const each = seen(listed)
    const standing = standings.get(each.id) ?? UNKNOWN_DEAL
    const verdict = verdictOf(parts.compare(each.version, standing), { by: listing.by, isRecent: each.version.modifiedAt >= listing.from }, parts.waitsInBackfill(standing))
    if (verdict === 'same' && standing.status === 'idle' && standing.linked) landed.push(listed)
    if (verdict === 'later') oldestLater = Math.min(oldestLater ?? Infinity, each.version.modifiedAt)
    const finding = verdict === 'signal' ? findingOf(each, standing, { listing, backfill }) : verdict
    if (typeof finding === 'string') counts[finding] += 1
    else findings.push(finding)
  }
  if (findings.length > 0) failpoint('K31')
  await tell(work, findings)
  const backfilled = findings.filter(finding => finding.channel === 'backfill').length
  counts.backfilled += backfilled
  counts.signalled += findings.length - backfilled
  return { backfilled, oldestLater, landed }
}

/**
 * A change does not wait for the backfill. By id, what just changed is left to the pass by time: most often its webhook is being
 * worked on. A deal in hand holds back no pass by id, which is rare: its signal costs one read.
 */
function verdictOf (compared: Verdict, { by, isRecent }: { by: Listing['by'], isRecent: boolean }, inBackfill: boolean): Verdict {
  if (by === 'time') return compared === 'open' && inBackfill ? 'signal' : compared
  if (compared !== 'later' && compared !== 'signal') return compared
  return isRecent ? 'open' : 'signal'
}

/** The signal of a deal that differs, or why a deal that nobody heard of gets none. */
function findingOf ({ id, modified, created }: Seen, standing: Standing, how: { listing: Listing, backfill: boolean }): Found | 'left' {
  const { by, from } = how.listing
  if (by === 'time') return { dealId: id, kind: standing.status === null && created >= from ? 'added' : 'updated', channel: 'sweep', modified }
  if (standing.status !== null) return { dealId: id, kind: 'updated', channel: 'sweep', modified }
  return how.backfill ? { dealId: id, kind: 'added', channel: 'backfill', modified } : 'left'
}

function seen ({ id, deal }: TargetDeal): Seen {
  const text = (name: string): string => typeof deal[name] === 'string' ? deal[name] : ''
  return { id, version: versionOf(deal), modified: text('DATE_MODIFY'), created: Date.parse(text('DATE_CREATE')) }
}
