import type { SignalChannel } from '../signal/signal.ts'

/** The lanes of due work, the first first: what just changed, what failed before, what the sweep found, what was there long before. */
export const LANES = ['live', 'retry', 'repair', 'backfill'] as const
export type Lane = typeof LANES[number]

/** The lane in which a signal lets its deal wait. An operator's order is as fresh as a change: somebody waits for it. */
export function laneOf (channel: SignalChannel): Lane {
  switch (channel) {
    case 'webhook':
    case 'robot':
    case 'api':
    case 'offline':
    case 'operator': return 'live'
    case 'sweep': return 'repair'
    case 'backfill': return 'backfill'
  }
}

/** The earlier of two lanes: a deal that waits is lifted by a better signal and never lowered by a worse one. */
export function betterLane (a: Lane, b: Lane): Lane {
  return LANES.indexOf(a) <= LANES.indexOf(b) ? a : b
}
