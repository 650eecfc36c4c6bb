import { ruleOf } from '../domain/mapping/carried.ts'
import { monotonicMs, now } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { durationMs } from '../platform/duration.ts'
import { messageOf } from '../platform/logger.ts'
import { forecast } from './forecast.ts'
import type { Forecast } from './forecast.ts'
import { beginWalk, fullStep, hasRoom } from './full-pass.ts'
import { SHARE, pause } from './pace.ts'
import type { Pace } from './pace.ts'
import { passOver } from './pass.ts'
import { finishPortal, renewPortal, saveWalk } from './sql/portal.ts'
import type { Claimed, Left, Walk } from './sql/portal.ts'
import { countBackfill, forgetEnded } from './sql/standing.ts'
import { PassFailed, noCounts } from './work.ts'
import type { Counts, Work } from './work.ts'

/** How often a portal is swept, and how often all its deals are asked for. */
export interface SweepTimes { readonly everyMs: number, readonly fullEveryMs: number }

export function sweepTimes (config: Config['sweep']): SweepTimes {
  return { everyMs: durationMs(config.every), fullEveryMs: durationMs(config.full_every) }
}

/** How long a portal stays in hand without a sign of life: longer than a slot, a request and its time-out. */
export const LEASE_MS = 60_000

/** How a visit to a portal ended. `lost`: another process took it over, or this one is stopping; nothing is missed by that. */
export interface Visited { readonly portal: string, readonly result: 'done' | 'failed' | 'lost', readonly code: string | null, readonly counts: Counts }

export interface VisitDeps extends Omit<Work, 'turn' | 'portal' | 'counts'> {
  readonly owner: string
  readonly pace: Pace
  readonly perSecond: number
  readonly times: SweepTimes
  /** Whether the full pass is done to its end in this visit, and whether a person vouches for what it does not find. */
  readonly full: boolean
  readonly trusted: boolean
  /** Hears how far the full pass is, after each step. */
  readonly told: (portal: string, forecast: Forecast) => void
}

/** Sweeps a claimed portal once: what changed, and when it is due, a part of the full pass. Lets go of the portal. Never throws for the portal's failures. */
export async function visit (claimed: Claimed, deps: VisitDeps): Promise<Visited> {
  const { portal } = claimed
  const { pool, owner, times, telemetry, logger } = deps
  const counts = noCounts()
  const end = (result: Visited['result'], code: string | null = null): Visited => {
    const changes = counts.signalled + counts.backfilled + counts.deleted
    telemetry.passes.inc({ portal, result })
    logger.log(result === 'failed' ? 'warning' : changes > 0 ? 'info' : 'debug', 'portal_swept', { portal, status: result, code, count: changes })
    return { portal, result, code, counts }
  }
  const left: Leaving = { nextInMs: times.everyMs }
  let failed: PassFailed | undefined
  try {
    await sweep(claimed, { work: { ...deps, portal, counts, turn: turnOf(portal, deps) }, deps, left })
  } catch (error) {
    if (error instanceof PassFailed) failed = error
    else {
      logger.log('debug', 'pass_broken_off', { portal, error: messageOf(error) })
      const over = deps.signal.aborted || error instanceof LeaseLost
      // After a stop it is due at once for whoever comes next; a mistake of ours is not repeated at once.
      await finishPortal(pool, { portal, owner }, { ...left, nextInMs: over ? 0 : times.everyMs }).catch(() => false)
      if (!over) throw error
      return end('lost')
    }
  }
  const mine = await finishPortal(pool, { portal, owner }, left)
  if (failed !== undefined) return end('failed', failed.failure.code)
  if (mine) telemetry.age.set({ portal }, now() / 1000)
  return end(mine ? 'done' : 'lost')
}

type Leaving = { -readonly [K in keyof Left]: Left[K] }

async function sweep (claimed: Claimed, { work, deps, left }: { work: Work, deps: VisitDeps, left: Leaving }): Promise<void> {
  const { portal } = claimed
  let { cursorAt, walk } = claimed
  let passedAt = monotonicMs()
  const byTime = async (): Promise<number> => {
    passedAt = monotonicMs()
    left.cursorAt = cursorAt = await passOver(work, cursorAt)
    return work.parts.listFrom(cursorAt)
  }
  const goOn = async (next: Walk): Promise<void> => {
    if (!await saveWalk(work.pool, { portal, owner: deps.owner }, { walk: next, fullInMs: deps.times.fullEveryMs })) throw new LeaseLost(`the sweep of ${portal} was taken over`)
    walk = next
    await tellForecast(deps, portal, walk)
  }
  await forgetEnded(work.pool, portal)
  await tellForecast(deps, portal, walk)
  let from = await byTime()
  if (!claimed.fullDue && !deps.full) return
  // A whole pass that somebody asks for begins anew, but the first one, which may take hours, goes on.
  if (walk.after === null || (deps.full && walk.endedBefore)) await goOn(await beginWalk(work, walk))
  for (let steps = stepsOf(deps); walk.after !== null && (deps.full || steps > 0); steps -= 1) {
    // However long the whole pass takes, changes are found as soon as ever.
    if (monotonicMs() - passedAt >= deps.times.everyMs) from = await byTime()
    if (await hasRoom(work)) await goOn(await fullStep(work, { ...walk, after: walk.after }, { from, trusted: deps.trusted }))
    else if (deps.full) await rest({ portal, owner: deps.owner }, deps)
    else return
  }
}

const REST_MS = 1000

/** Waits for the dispatcher to end some of the backfill, without letting go of the portal. */
async function rest (mine: { portal: string, owner: string }, { pool, signal }: VisitDeps): Promise<void> {
  await pause(REST_MS, signal)
  if (!await renewPortal(pool, { ...mine, ttlMs: LEASE_MS })) throw new LeaseLost(`the sweep of ${mine.portal} was taken over`)
}

async function tellForecast ({ pool, telemetry, told }: VisitDeps, portal: string, walk: Walk): Promise<void> {
  if (walk.beganAt === null) return
  const state = forecast(walk, await countBackfill(pool, portal), now())
  for (const deals of ['total', 'listed', 'signalled', 'ended'] as const) telemetry.full.set({ portal, deals }, state[deals] ?? NaN)
  telemetry.eta.set({ portal }, state.etaSeconds ?? NaN)
  told(portal, state)
}

/** How many steps of the full pass go into one period beside the pass itself, so that this is never late for that. */
function stepsOf ({ times, perSecond, route }: VisitDeps): number {
  const cost = ruleOf(route.mapping, 'contact') === null && ruleOf(route.mapping, 'company') === null ? 1 : 2
  return Math.max(1, Math.floor((times.everyMs / 1000 * perSecond * SHARE - 1) / cost))
}

class LeaseLost extends Error {}

function turnOf (portal: string, { pool, owner, pace, signal, telemetry }: VisitDeps): () => Promise<void> {
  return async () => {
    await pace.take(signal)
    if (!await renewPortal(pool, { portal, owner, ttlMs: LEASE_MS })) throw new LeaseLost(`the sweep of ${portal} was taken over`)
    telemetry.requests.inc({ portal })
  }
}
