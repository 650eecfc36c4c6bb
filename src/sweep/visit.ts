import { now } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { durationMs } from '../platform/duration.ts'
import { messageOf } from '../platform/logger.ts'
import { fullStep } from './full-pass.ts'
import type { Pace } from './pace.ts'
import { SHARE } from './pace.ts'
import { passOver } from './pass.ts'
import { finishPortal, renewPortal } from './sql/portal.ts'
import type { Claimed, Left } from './sql/portal.ts'
import { forgetEnded } from './sql/standing.ts'
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

export interface VisitDeps extends Omit<Work, 'turn' | 'portal'> {
  readonly owner: string
  readonly pace: Pace
  readonly perSecond: number
  readonly times: SweepTimes
  /** Whether the full pass is done to its end in this visit. */
  readonly full: boolean
}

/** Sweeps a claimed portal once: what changed, and when it is due, a part of the full pass. Lets go of the portal. Never throws for the portal's failures. */
export async function visit (claimed: Claimed, deps: VisitDeps): Promise<Visited> {
  const { portal } = claimed
  const { pool, owner, times, telemetry, logger } = deps
  const counts = noCounts()
  const end = (result: Visited['result'], code: string | null = null): Visited => {
    telemetry.passes.inc({ portal, result })
    logger.log(result === 'failed' ? 'warning' : counts.signalled + counts.deleted > 0 ? 'info' : 'debug', 'portal_swept', { portal, status: result, code, count: counts.signalled + counts.deleted })
    return { portal, result, code, counts }
  }
  const left: { -readonly [K in keyof Left]: Left[K] } = { nextInMs: times.everyMs }
  let failed: PassFailed | undefined
  try {
    await sweep(claimed, { ...deps, portal, turn: turnOf(portal, deps) }, { deps, counts, left })
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

async function sweep (claimed: Claimed, work: Work, { deps, counts, left }: { deps: VisitDeps, counts: Counts, left: { -readonly [K in keyof Left]: Left[K] } }): Promise<void> {
  await forgetEnded(work.pool, work.portal)
  left.cursorAt = await passOver(work, claimed.cursorAt, counts)
  if (!claimed.fullDue && !deps.full) return
  let after: bigint | null = deps.full ? 0n : claimed.fullAfter ?? 0n
  for (let step = 0; after !== null && (deps.full || step < stepsOf(deps)); step += 1) {
    after = await fullStep(work, after, counts)
    left.fullAfter = after
  }
  if (after === null) left.fullInMs = deps.times.fullEveryMs
}

/** How many steps of the full pass go into one period beside the pass itself, so that this is never late for that. */
function stepsOf ({ times, perSecond }: VisitDeps): number {
  return Math.max(1, Math.floor(times.everyMs / 1000 * perSecond * SHARE) - 1)
}

class LeaseLost extends Error {}

function turnOf (portal: string, { pool, owner, pace, signal, telemetry }: VisitDeps): () => Promise<void> {
  return async () => {
    await pace.take(signal)
    if (!await renewPortal(pool, { portal, owner, ttlMs: LEASE_MS })) throw new LeaseLost(`the sweep of ${portal} was taken over`)
    telemetry.requests.inc({ portal })
  }
}
