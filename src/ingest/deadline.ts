/** Asks somebody who must not hold us up; null when the answer did not come in time or was an error. */
export type Ask = <T>(work: () => Promise<T>) => Promise<T | null>

/**
 * Waits at most `deadlineMs` for each question. After a failure nobody is asked for `restMs`, so that a dead helper
 * costs one deadline now and then, not one for every webhook.
 */
export function createAsk (options: { deadlineMs: number, restMs: number, monotonicMs: () => number }): Ask {
  let restsUntil = 0
  return async (work) => {
    if (options.monotonicMs() < restsUntil) return null
    try {
      const answer = await within(options.deadlineMs, work())
      if (answer !== LATE) return answer
    } catch {
      // Treated like no answer: the caller has a way without it.
    }
    restsUntil = options.monotonicMs() + options.restMs
    return null
  }
}

export const LATE: unique symbol = Symbol('late')

/** The result of `promise`, or LATE after `ms`; a rejection after that is not heard any more. */
export async function within<T> (ms: number, promise: Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof LATE>((resolve) => { timer = setTimeout(resolve, ms, LATE) })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
