import { now } from '../platform/clock.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { MethodTime } from './response.ts'

/** When the method time of each method becomes free again, as the portal's good answers told it. */
export interface Operating {
  note (method: string, time: MethodTime | null): void
  /** The failure with the wait it asks for: an OPERATION_TIME_LIMIT ends at the reset of the last good answer. */
  withWait (method: string, failure: Failure): Failure
}

const UNTOLD_MS = 30_000
const LONGEST_MS = 600_000
const SHORTEST_MS = 1_000

/** The window is ten minutes, so no wait is longer (vendor page: limits, operating time). */
export function createOperating (): Operating {
  const resets = new Map<string, number>()
  return {
    note (method, time) { if (time?.resetAt !== undefined && time.resetAt !== null) resets.set(method, time.resetAt * 1000) },
    withWait (method, failure) {
      if (failure.code.toUpperCase() !== 'OPERATION_TIME_LIMIT' || failure.waitMs !== undefined) return failure
      const reset = resets.get(method)
      const waitMs = reset === undefined ? UNTOLD_MS : Math.min(Math.max(reset - now(), SHORTEST_MS), LONGEST_MS)
      return { ...failure, waitMs }
    }
  }
}
