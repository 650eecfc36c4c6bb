// The slower pass that finds deletions, which no modification time tells. It asks the portal's lists for every deal that the
// read models hold as live, so its cost is one request for 2,500 of them, whatever else the portal holds.
import { listPresent } from '../bitrix24/list.ts'
import { READ_SIZE } from '../bitrix24/read.ts'
import { pageLiveIds } from '../projections/deal/read.ts'
import type { Standing } from './compare.ts'
import { readStandings } from './sql/standing.ts'
import { PassFailed, tell, unlessStopped } from './work.ts'
import type { Counts, Work } from './work.ts'

/**
 * One step: the next live deals above `after`; those that the lists do not show are signalled as deleted. Only a hint, as
 * every signal: a list is silent about hidden deals too, and the dispatcher asks for each by `get` before it believes.
 * Gives the id to go on from, null at the end. Throws `PassFailed`.
 */
export async function fullStep (work: Work, after: bigint, counts: Counts): Promise<bigint | null> {
  const { portal, pool } = work
  const ids = await pageLiveIds(pool, portal, { after, limit: READ_SIZE })
  const last = ids.at(-1)
  if (last === undefined) return null
  await work.turn()
  counts.requests += 1
  counts.asked += ids.length
  const listed = await unlessStopped(listPresent(work.client, ids, work.signal), work.signal)
  if (listed.kind === 'failed') throw new PassFailed(listed.failure)
  const gone = ids.filter(id => !listed.present.has(id))
  const standings = gone.length === 0 ? new Map<string, Standing>() : await readStandings(pool, portal, gone)
  const findings = gone.filter(id => isAtRest(standings.get(id))).map(dealId => ({ dealId, kind: 'deleted' as const, modified: '' }))
  counts.deleted += findings.length
  await tell(work, findings)
  return ids.length < READ_SIZE ? null : BigInt(last)
}

/** Whether no read of the deal is to come anyway. */
function isAtRest (standing: Standing | undefined): boolean {
  if (standing === undefined) return true
  const { status, signalledOffset, coveredOffset } = standing
  return (signalledOffset === null || coveredOffset >= signalledOffset) && (status === null || status === 'idle' || status === 'parked')
}
