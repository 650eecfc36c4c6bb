// Who may write to a target. Promises: of two owners only the newer epoch's intents are accepted, an owner stops writing
// before its lease ends, and an epoch that has ended in this process never comes back. Does not promise: that a process
// frozen between its last check and the socket write stays silent. Breaks it: a database that forgets commits. Watched by
// lease.int.test.ts.
import { monotonicMs } from '../platform/clock.ts'
import type { Pool } from '../platform/postgres.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { acquireLease, releaseLease, renewLease } from './sql/lease.ts'

/** How long a lease lasts without a renewal, how often it is renewed, and how long before its end nothing is written any more. */
export interface LeaseTimes { readonly ttlMs: number, readonly renewMs: number, readonly marginMs: number, readonly standByMs: number }

const TIMES: LeaseTimes = { ttlMs: 10_000, renewMs: 3_000, marginMs: 1_000, standByMs: 500 }

export interface TargetLease {
  /** The epoch while this process owns the lease, else null. */
  epoch (): number | null
  /** Monotonic ms after which nothing may be written under `epoch`; 0 when that epoch is not held. */
  deadline (epoch: number): number
  stop (): Promise<void>
}

/** Holds or stands by for the lease of one target; `changed` is called at every gain and loss. `times` is for tests. */
export function startLease (deps: { pool: Pool, logger: Logger, target: string, owner: string, changed: () => void, times?: LeaseTimes }): TargetLease {
  const { pool, logger, target, owner } = deps
  const { ttlMs, renewMs, marginMs, standByMs } = deps.times ?? TIMES
  let held: { readonly epoch: number, deadline: number } | null = null
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  const valid = (): typeof held => held !== null && monotonicMs() < held.deadline ? held : null

  function lose (): void {
    if (held === null) return
    logger.log('warning', 'lease_lost', { target, epoch: held.epoch })
    held = null
    deps.changed()
  }

  async function acquire (): Promise<void> {
    const asked = monotonicMs()
    const epoch = await acquireLease(pool, { target, owner, ttlMs })
    if (epoch === null) return
    held = { epoch, deadline: asked + ttlMs - marginMs }
    logger.log('info', 'lease_taken', { target, epoch })
    deps.changed()
  }

  async function renew (): Promise<void> {
    const mine = valid()
    if (mine === null) return giveUp((held as { epoch: number }).epoch)
    const asked = monotonicMs()
    const renewed = await renewLease(pool, { target, owner, ttlMs, epoch: mine.epoch })
    // An epoch that was over, if only for a moment, stays over: whoever saw its end has forgotten what it held.
    if (renewed && valid() !== null) mine.deadline = asked + ttlMs - marginMs
    else await giveUp(mine.epoch)
  }

  async function giveUp (epoch: number): Promise<void> {
    lose()
    await releaseLease(pool, { target, owner, epoch })
  }

  async function turn (): Promise<void> {
    try {
      if (held === null) await acquire()
      else await renew()
    } catch (error) {
      logger.log('warning', 'lease_unreachable', { target, error: messageOf(error) })
      if (valid() === null) lose()
    }
    if (!stopped) timer = setTimeout(() => { turning = turn() }, held === null ? standByMs : renewMs)
  }
  let turning = turn()

  return {
    epoch: () => valid()?.epoch ?? null,
    deadline: epoch => held?.epoch === epoch ? held.deadline : 0,
    async stop () {
      stopped = true
      clearTimeout(timer)
      // A renewal under way would otherwise take the lease back after its release.
      await turning
      if (held !== null) await releaseLease(pool, { target, owner, epoch: held.epoch }).catch(() => undefined)
      held = null
    }
  }
}
