import CircuitBreaker from 'opossum'
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
const FAILING = new Set(['transient', 'unknown', 'unsent'])

/**
 * Opens after half of at least five calls in a minute failed, tries again after 30 s (specification: circuit breaker).
 * `timeout: false`: the breaker's own time-out would report a call as failed that still goes on.
 */
export function createBreaker (options: { resetMs?: number } = {}): Breaker {
  const breaker = new CircuitBreaker(async (send: () => Promise<Answer>) => {
    const answer = await send()
    if (answer.kind === 'failed' && FAILING.has(answer.failure.class)) throw new Outage(answer)
    return answer
  }, { timeout: false, volumeThreshold: 5, errorThresholdPercentage: 50, rollingCountTimeout: 60000, resetTimeout: options.resetMs ?? 30000 })
  return {
    async fire (send) {
      try {
        return await breaker.fire(send)
      } catch (error) {
        if (error instanceof Outage) return error.answer
        return { kind: 'failed', failure: { class: 'unsent', code: 'breaker_open', detail: 'The portal failed repeatedly; it is tried again shortly.' } }
      }
    },
    state: () => breaker.halfOpen ? 'probing' : breaker.opened ? 'open' : 'closed'
  }
}
