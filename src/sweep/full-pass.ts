// The slower pass over all deals of a portal. Promises: every deal that differs from the version in which it last ended is
// signalled, also when its modification time stayed (product rows, bindings), and so is one whose contact or company differs; a deletion is, unless too many deals are absent at
// once; a deal that nobody heard of goes into the backfill. A broken pass goes on where its last step ended. Does not promise:
// an order, nor that a deal is listed as it was at the begin. Breaks it: a portal whose ids fall. Watched by full-pass.int.test.ts.
import { listPresent } from '../bitrix24/list.ts'
import { READ_SIZE } from '../bitrix24/read.ts'
import { countDeals } from '../bitrix24/walk.ts'
import { countLive, pageLiveIds } from '../projections/deal/read.ts'
import { now } from '../platform/clock.ts'
import { signalChangedRecords } from './carried.ts'
import type { Standing } from './compare.ts'
import { judge } from './judge.ts'
import { countAbsent, forgetAbsent, noteAbsent, someAbsent } from './sql/absent.ts'
import type { Walk } from './sql/portal.ts'
import { countBackfill, forgetEnded, readStandings } from './sql/standing.ts'
import { PassFailed, tell, unlessStopped } from './work.ts'
import type { Work } from './work.ts'

// Above every id: all deals are listed, and the absent ones remain to be judged.
const LISTED = 2n ** 63n - 1n

/** How a full pass is done. `from`: changes since then are listed by time soon (ms). `trusted`: a person says that absent deals are gone, however many. */
export interface FullPass { readonly from: number, readonly trusted: boolean }

/** Begins a full pass: a portal's first one learns how much there is, later ones take what the one before listed. */
export async function beginWalk (work: Work, { width, endedBefore, listed }: Walk): Promise<Walk> {
  await forgetAbsent(work.pool, work.portal)
  if (endedBefore) return { after: 0n, width, endedBefore, beganAt: now(), total: listed, listed: 0, signalled: 0 }
  await work.turn()
  work.counts.requests += 1
  const total = await unlessStopped(countDeals(work.client, work.signal), work.signal)
  return { after: 0n, width, endedBefore, beganAt: now(), total, listed: 0, signalled: 0 }
}

/** Whether the next step's signals keep the backfill within its bound. */
export async function hasRoom ({ pool, portal, parts }: Work): Promise<boolean> {
  await forgetEnded(pool, portal)
  return await countBackfill(pool, portal) <= parts.backfillAhead - READ_SIZE
}

/** One step: one request, with one more for the contacts and companies of the deals; the walk it gives has no `after` when the pass is over. Throws `PassFailed`. */
export async function fullStep (work: Work, walk: Walk & { readonly after: bigint }, pass: FullPass): Promise<Walk> {
  if (walk.after === LISTED) return { ...walk, after: await settleAbsent(work, pass) ? null : LISTED }
  await work.turn()
  work.counts.requests += 1
  const walked = await unlessStopped(work.parts.walkDeals(work.client, walk, work.signal), work.signal)
  if (walked.kind === 'failed') throw new PassFailed(walked.failure)
  const { deals, upTo, width } = walked
  work.counts.asked += deals.length
  const { backfilled, landed } = await judge(work, deals, { by: 'id', from: pass.from })
  await signalChangedRecords(work, landed)
  await findAbsent(work, new Set(deals.map(deal => deal.id)), { after: walk.after, upTo })
  return { ...walk, after: upTo ?? LISTED, width, listed: walk.listed + deals.length, signalled: walk.signalled + backfilled }
}

/** Remembers the deals of a range of ids that the read models hold as live and the portal did not list. */
async function findAbsent ({ pool, portal }: Work, listed: ReadonlySet<string>, range: { after: bigint, upTo: bigint | null }): Promise<void> {
  let after: bigint | null = range.after
  while (after !== null) {
    const ids: string[] = await pageLiveIds(pool, portal, { after, upTo: range.upTo, limit: READ_SIZE })
    await noteAbsent(pool, portal, ids.filter(id => !listed.has(id)))
    after = ids.length < READ_SIZE ? null : BigInt(ids.at(-1) ?? 0)
  }
}

/**
 * Looks a second time at absent deals, and signals as deleted those that the lists still do not show. Only a hint, as every
 * signal: the dispatcher asks for each by `get` before it believes. True when none is left.
 */
async function settleAbsent (work: Work, { trusted }: FullPass): Promise<boolean> {
  const { portal, pool, telemetry, logger, counts } = work
  const absent = await countAbsent(pool, portal)
  if (!trusted && !work.parts.isBelievable(absent, await countLive(pool, portal))) {
    logger.log('error', 'deals_absent', { portal, count: absent, reason: 'too many to be deletions: look at the rights of the webhook\'s author, or say `sweep run --full --yes`' })
    telemetry.absent.set({ portal }, absent)
    counts.absent = absent
    await forgetAbsent(pool, portal)
    return true
  }
  telemetry.absent.set({ portal }, 0)
  const ids = await someAbsent(pool, portal, READ_SIZE)
  if (ids.length === 0) return true
  await work.turn()
  work.counts.requests += 1
  const looked = await unlessStopped(listPresent(work.client, ids, work.signal), work.signal)
  if (looked.kind === 'failed') throw new PassFailed(looked.failure)
  const gone = ids.filter(id => !looked.present.has(id))
  const standings = await readStandings(pool, portal, gone)
  const findings = gone.filter(id => isAtRest(standings.get(id))).map(dealId => ({ dealId, kind: 'deleted' as const, channel: 'sweep' as const, modified: '' }))
  counts.deleted += findings.length
  await tell(work, findings)
  await forgetAbsent(pool, portal, ids)
  return ids.length < READ_SIZE
}

/** Whether no read of the deal is to come anyway; that of a held one comes with its release. */
function isAtRest (standing: Standing | undefined): boolean {
  if (standing === undefined) return true
  const { status, signalledOffset, coveredOffset, held } = standing
  return !held && (signalledOffset === null || coveredOffset >= signalledOffset) && (status === null || status === 'idle' || status === 'parked')
}
