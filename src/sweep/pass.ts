// One pass over what changed in a portal. Promises: a change that moves a deal's modification time is signalled by the next
// whole pass unless the deal ended in that very version; a deal that did costs no signal. Does not promise: no signal too many,
// since two for one change are harmless. Breaks it: a list that lags longer than the overlap. Watched by pass.int.test.ts.
import { portalClock } from '../bitrix24/list.ts'
import type { Stretch } from '../bitrix24/stretch.ts'
import { now } from '../platform/clock.ts'
import { nextCursor } from './cursor.ts'
import { judge } from './judge.ts'
import { PassFailed, unlessStopped } from './work.ts'
import type { Work } from './work.ts'

/** Does a whole pass from `cursorAt` (null: the first, which begins at the present) and gives the new cursor. Throws `PassFailed`. */
export async function passOver (work: Work, cursorAt: number | null): Promise<number> {
  const from = work.parts.listFrom(cursorAt ?? await presentOf(work))
  let stretches: readonly Stretch[] = [{ from, to: null, afterId: null }]
  let beganAt: number | null = null
  let oldestLater: number | null = null
  while (stretches.length > 0) {
    await work.turn()
    work.counts.requests += 1
    const asked = now()
    const listed = await unlessStopped(work.parts.listChanged(work.client, stretches, work.signal), work.signal)
    if (listed.kind === 'failed') throw new PassFailed(listed.failure)
    beganAt ??= listed.portalNow ?? asked
    work.counts.listed += listed.deals.length
    const judged = await judge(work, listed.deals, { by: 'time', from })
    if (judged.oldestLater !== null) oldestLater = Math.min(oldestLater ?? Infinity, judged.oldestLater)
    stretches = listed.rest
  }
  return nextCursor(beganAt ?? now(), oldestLater)
}

/** The portal's clock, which may differ from ours. */
async function presentOf (work: Work): Promise<number> {
  await work.turn()
  work.counts.requests += 1
  const clock = await unlessStopped(portalClock(work.client, work.signal), work.signal)
  if (clock.kind === 'failed') throw new PassFailed(clock.failure)
  return clock.portalNow ?? now()
}
