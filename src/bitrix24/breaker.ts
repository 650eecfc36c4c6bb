import CircuitBreaker from 'opossum'
import type { Failure, FailureClass } from '../domain/transfer/failure.ts'
import { messageOf } from '../platform/logger.ts'
import type { Answer } from './response.ts'

/** The circuit of one portal. `probing`: one cheap read decides whether it closes. */
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

/**
 * Opens after half of at least five calls in a minute failed, tries again every 5 s: a portal that is back is used within ten.
 * `failing` is for a test that counts too much.
 * `timeout: false`: the breaker's own time-out would report a call as failed that still goes on.
 */
export function createBreaker (options: { readonly resetMs?: number, readonly failing?: ReadonlySet<FailureClass> } = {}): Breaker {
  const { failing = FAILING } = options
  const isOutage = (answer: Answer): boolean => answer.kind === 'failed' && failing.has(answer.failure.class) && answer.failure.code !== tooLate.code
  const breaker = new CircuitBreaker(async (send: () => Promise<Answer>) => {
    const answer = await send()
    if (isOutage(answer)) throw new Outage(answer)
    return answer
  }, { timeout: false, volumeThreshold: 5, errorThresholdPercentage: HALF, rollingCountTimeout: 60000, resetTimeout: options.resetMs ?? RESET_MS })
  return {
    async fire (send) {
      try {
        return await breaker.fire(send)
      } catch (error) {
        if (error instanceof Outage) return error.answer
        // A mistake of ours over one request is no word about the portal, and whether the request left is not known.
        if (!CircuitBreaker.isOurError(error as Error)) return { kind: 'failed', failure: { class: 'unknown', code: 'internal', detail: messageOf(error) } }
        return { kind: 'failed', failure: { class: 'unsent', code: 'breaker_open', detail: 'The portal failed repeatedly; it is tried again shortly.' } }
      }
    },
    state: () => breaker.halfOpen ? 'probing' : breaker.opened ? 'open' : 'closed'
  }
}
