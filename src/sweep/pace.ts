import { monotonicMs } from '../platform/clock.ts'

/** Holds the requests of one portal's sweep to a small part of its budget. */
export interface Pace {
  /** Waits until the next request is due, and takes it; rejects when `signal` is aborted. */
  take (signal: AbortSignal): Promise<void>
}

/** The sweep's part of a portal's requests, at most 2 %, and how many of them may follow each other at once. */
export const SHARE = 0.02
const AT_ONCE = 5

/**
 * A bucket of its own before the shared limiter: on average at most 2 % of `perSecond`, at 2 requests a second one in 25 s.
 * The lease lets one process sweep a portal at a time, so a bucket in memory holds for all of them.
 */
export function createPace (perSecond: number, clock: () => number = monotonicMs): Pace {
  const gapMs = 1000 / (perSecond * SHARE)
  let free = -Infinity
  return {
    async take (signal) {
      signal.throwIfAborted()
      const now = clock()
      free = Math.max(free, now - (AT_ONCE - 1) * gapMs)
      const waitMs = free - now
      free += gapMs
      if (waitMs > 0) await pause(waitMs, signal)
    }
  }
}

/** Waits; rejects at once when `signal` is aborted. */
export function pause (ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) { reject(new Error('stopped')); return }
    const stop = (): void => { clearTimeout(timer); reject(new Error('stopped')) }
    const timer = setTimeout(() => { signal.removeEventListener('abort', stop); resolve() }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}
