import CircuitBreaker from 'opossum'
import type { Failure, FailureClass } from '../domain/transfer/failure.ts'
import { monotonicMs } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Answer } from './response.ts'

/** The circuit of one portal. `probing`: it has rested, and the next call decides whether it closes; a cheap read should be that call. */
export interface Breaker {
  fire (send: () => Promise<Answer>): Promise<Answer>
  state (): 'closed' | 'open' | 'probing'
}

class Outage extends Error {
  readonly answer: Answer
  constructor (answer: Answer) {
    super('the portal is failing')
    this.answer = answer
  }
}

// A portal that refuses one deal works; what does not answer, or only with errors of its own, does not.
const FAILING: ReadonlySet<FailureClass> = new Set<FailureClass>(['transient', 'unknown', 'unsent'])

/** A request that was not written because its time had passed: our own lateness, which does not count against the portal. */
export const tooLate: Failure = { class: 'unsent', code: 'too_late', detail: 'The request was not sent, since its time had passed; the deal is tried again by itself.' }

// opossum opens above its percentage and counts calls that are still going on: half is just above this.
const HALF = 49.9
const RESET_MS = 5_000
// A portal that hangs would keep its probe for as long as a read may take, and one that works again be used so much later.
const UNANSWERED_MS = 4_000

/**
 * Opens after half of at least five calls in a minute failed, tries again 5 s after each word of the portal, and 9 s after a probe
 * that has none: a portal that is back is used within ten. A probe that is answered late still closes it. `failing` is for a test
 * that counts too much.
 * `timeout: false`: the breaker's own time-out would report a call as failed that still goes on.
 */
export function createBreaker (options: { readonly resetMs?: number, readonly unansweredMs?: number, readonly failing?: ReadonlySet<FailureClass> } = {}): Breaker {
  const { failing = FAILING } = options
  const isOutage = (answer: Answer): boolean => answer.kind === 'failed' && failing.has(answer.failure.class) && answer.failure.code !== tooLate.code
  let closedAt = -Infinity
  const breaker = new CircuitBreaker(async (send: () => Promise<Answer>) => {
    const began = monotonicMs()
    const answer = await send()
    // What began before the portal came back, and failed only now, hung in the outage and tells nothing about the portal as it is.
    const isOld = breaker.closed && began < closedAt
    if (isOutage(answer) && !isOld) throw new Outage(answer)
    return answer
  }, { timeout: false, volumeThreshold: 5, errorThresholdPercentage: HALF, rollingCountTimeout: 60000, resetTimeout: options.resetMs ?? RESET_MS })
  breaker.on('close', () => { closedAt = monotonicMs() })
  const isRested = (): boolean => breaker.halfOpen && breaker.pendingClose

  async function probe (send: () => Promise<Answer>): Promise<Answer> {
    const unanswered = setTimeout(() => { if (breaker.halfOpen) breaker.open() }, options.unansweredMs ?? UNANSWERED_MS)
    try {
      const answer = await breaker.fire(send)
      breaker.close()
      return answer
    } finally {
      clearTimeout(unanswered)
    }
  }

  return {
    async fire (send) {
      try {
        return await (isRested() ? probe(send) : breaker.fire(send))
      } catch (error) {
        if (error instanceof Outage) return error.answer
        // A mistake of ours over one request is no word about the portal, and whether the request left is not known.
        if (!CircuitBreaker.isOurError(error as Error)) return { kind: 'failed', failure: { class: 'unknown', code: 'internal', detail: messageOf(error) } }
        return { kind: 'failed', failure: { class: 'unsent', code: 'breaker_open', detail: 'The portal failed repeatedly; it is tried again shortly.' } }
      }
    },
    state: () => breaker.closed ? 'closed' : isRested() ? 'probing' : 'open'
  }
}
