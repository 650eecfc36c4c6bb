// One pass over what changed in a portal. Promises: a change that moves a deal's modification time is signalled by the next
// whole pass unless the deal ended in that very version; a deal that did costs no signal. Does not promise: no signal too many,
// since two for one change are harmless. Breaks it: a list that lags longer than the overlap. Watched by pass.int.test.ts.
import { listChanged, portalClock } from '../bitrix24/list.ts'
import type { TargetDeal } from '../bitrix24/read.ts'
import type { Stretch } from '../bitrix24/stretch.ts'
import { versionOf } from '../bitrix24/version.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import type { Version } from '../domain/transfer/version.ts'
import { now } from '../platform/clock.ts'
import { UNKNOWN_DEAL } from './compare.ts'
import { nextCursor } from './cursor.ts'
import type { Finding } from './signal.ts'
import { readStandings } from './sql/standing.ts'
import { PassFailed, tell, unlessStopped } from './work.ts'
import type { Counts, Work } from './work.ts'

interface Seen { readonly id: string, readonly version: Version, readonly modified: string, readonly created: number }

/** Does a whole pass from `cursorAt` (null: the first, which begins at the present) and gives the new cursor. Throws `PassFailed`. */
export async function passOver (work: Work, cursorAt: number | null, counts: Counts): Promise<number> {
  const from = work.parts.listFrom(cursorAt ?? await presentOf(work, counts))
  let stretches: readonly Stretch[] = [{ from, to: null, afterId: null }]
  let beganAt: number | null = null
  let oldestLater: number | null = null
  while (stretches.length > 0) {
    await work.turn()
    counts.requests += 1
    const asked = now()
    const listed = await unlessStopped(listChanged(work.client, stretches, work.signal), work.signal)
    if (listed.kind === 'failed') throw new PassFailed(listed.failure)
    beganAt ??= listed.portalNow ?? asked
    const later = await judge(work, listed.deals, { from, counts })
    oldestLater = oldest(oldestLater, later)
    stretches = listed.rest
  }
  return nextCursor(beganAt ?? now(), oldestLater)
}

/** The portal's clock, which may differ from ours. */
async function presentOf (work: Work, counts: Counts): Promise<number> {
  await work.turn()
  counts.requests += 1
  const clock = await unlessStopped(portalClock(work.client, work.signal), work.signal)
  if (clock.kind === 'failed') throw new PassFailed(clock.failure)
  return clock.portalNow ?? now()
}

/** Signals what differs among listed deals; gives the modification time of the oldest that cannot be judged yet. */
async function judge (work: Work, deals: readonly TargetDeal[], { from, counts }: { from: number, counts: Counts }): Promise<number | null> {
  const { portal, pool, telemetry, parts } = work
  counts.listed += deals.length
  telemetry.listed.inc({ portal }, deals.length)
  // Made by us in a portal that is source and target at once: it is never carried on (contract 3).
  const foreign = deals.filter(({ deal }) => deal['ORIGINATOR_ID'] !== ORIGINATOR).map(seen)
  counts.own += deals.length - foreign.length
  if (foreign.length === 0) return null
  const standings = await readStandings(pool, portal, foreign.map(each => each.id))
  const findings: Omit<Finding, 'portal'>[] = []
  let later: number | null = null
  for (const each of foreign) {
    const standing = standings.get(each.id) ?? UNKNOWN_DEAL
    const verdict = parts.compare(each.version, standing)
    if (verdict === 'later') later = oldest(later, each.version.modifiedAt)
    if (verdict !== 'signal') { counts[verdict] += 1; continue }
    counts.signalled += 1
    findings.push({ dealId: each.id, kind: standing.status === null && each.created >= from ? 'added' : 'updated', modified: each.modified })
  }
  await tell(work, findings)
  return later
}

function seen ({ id, deal }: TargetDeal): Seen {
  const text = (name: string): string => typeof deal[name] === 'string' ? deal[name] : ''
  return { id, version: versionOf(deal), modified: text('DATE_MODIFY'), created: Date.parse(text('DATE_CREATE')) }
}

function oldest (one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}
