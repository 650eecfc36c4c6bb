import { monotonicMs } from '../platform/clock.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { MethodTime } from './response.ts'

/** When the method time of each method becomes free again, as the portal's good answers told it. */
export interface Operating {
  note (method: string, time: MethodTime | null): void
  /** The failure with the wait it asks for: an OPERATION_TIME_LIMIT ends at the reset of the last good answer. */
  withWait (method: string, failure: Failure): Failure
  /** Milliseconds for which a call of the method would be refused, as far as is known; 0 when it may be called. */
  heldMs (method: string): number
}

const UNTOLD_MS = 30_000
const LONGEST_MS = 600_000
const SHORTEST_MS = 1_000

/**
 * The window is ten minutes, so no wait is longer (vendor page: limits, operating time). A method that is refused again
 * after its reset waits as if none was told: the next part of the window leaves within a minute.
 */
export function createOperating (clock: () => number = monotonicMs): Operating {
  const resets = new Map<string, number>()
  const holds = new Map<string, number>()

  function waitFor (method: string): number {
    const left = (resets.get(method) ?? -Infinity) - clock()
    return left <= 0 ? UNTOLD_MS : Math.min(Math.max(left, SHORTEST_MS), LONGEST_MS)
  }

  return {
    note (method, time) {
      holds.delete(method)
      if (time !== null && time.resetInMs !== null) resets.set(method, clock() + time.resetInMs)
    },
    withWait (method, failure) {
      if (failure.code.toUpperCase() !== 'OPERATION_TIME_LIMIT') return failure
      const waitMs = failure.waitMs ?? waitFor(method)
      holds.set(method, clock() + waitMs)
      return { ...failure, waitMs }
    },
    heldMs: method => Math.max(0, (holds.get(method) ?? -Infinity) - clock())
  }
}
