import { durationMs } from '../../src/platform/duration.ts'
import type { Bounds } from './evidence.ts'

/** The clocks of a run. What the product waits for at a portal follows from how long the portal takes. */
export interface RigTimes {
  /** After which a portal cuts a request (60 in truth). */
  readonly requestSeconds: number
  /** How long an unknown outcome rests: longer than a request and the longest hold of a proxy together (65,000 in truth). */
  readonly unknownWaitMs: number
  /** The longest time for which a proxy holds a request back. */
  readonly holdMs: number
  /** How long a process is frozen. */
  readonly freezesMs: readonly number[]
  /** After which a reader that is silent, and one that does not come to a rebalance, is put out of its group. */
  readonly patience: { readonly sessionMs: number, readonly rebalanceMs: number }
  readonly sweep: { readonly every: string, readonly full_every: string }
}

export const SHORT: RigTimes = { requestSeconds: 5, unknownWaitMs: 10_000, holdMs: 3000, freezesMs: [5000, 12_000], patience: { sessionMs: 10_000, rebalanceMs: 20_000 }, sweep: { every: '3s', full_every: '6s' } }
export const TRUE_TO_LIFE: RigTimes = { requestSeconds: 60, unknownWaitMs: 65_000, holdMs: 4000, freezesMs: [5000, 35_000, 90_000], patience: { sessionMs: 30_000, rebalanceMs: 60_000 }, sweep: { every: '5s', full_every: '20s' } }

// A sweep that was killed keeps its portal in hand for so long; a webhook may be lost meanwhile.
const SWEEP_IN_HAND_MS = 60_000
/** After the last heal every process works again within this (I20). */
export const WORKS_AGAIN_MS = 60_000

/** What I2 allows: the sweep's period (for a deletion that of the full pass), a killed sweep's hold, and the way back to work. */
export function boundsOf ({ sweep }: RigTimes): Bounds {
  const rest = SWEEP_IN_HAND_MS + WORKS_AGAIN_MS
  return { changeMs: durationMs(sweep.every) + rest, deletionMs: durationMs(sweep.full_every) + rest }
}
