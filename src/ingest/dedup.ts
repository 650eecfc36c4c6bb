import type { Claims } from './claims.ts'
import type { Ask } from './deadline.ts'

/**
 * What to do with a webhook. `first` and `repeat` are appended and must be told the outcome through `settle`;
 * `counted` is not: something that says the same is in the log already.
 */
export type Seen = { readonly status: 'first' | 'repeat', settle (isAppended: boolean): void } | { readonly status: 'counted' }

export interface Dedup {
  /** `hash` stands for portal, event, deal and ts. */
  look (hash: string, dealKey: string, receivedAt: number): Promise<Seen>
  /** A robot's call has nothing to compare: the first of a deal in each second is appended. */
  lookRobot (dealKey: string, receivedAt: number): Promise<Seen>
}

const CLAIM_SECONDS = 10
const KEPT_SECONDS = 3600
const POLL_MS = 25
const PATIENCE_MS = 3000

/**
 * The hint that a webhook was seen before. It may forget, it may not hide.
 *
 * - A claim is short (10 s) until the event is appended, then lasts an hour: a crash in between swallows nothing.
 * - A repeat may be a change of its own (ts counts seconds), so it is appended too, once per deal and second. While the one it
 *   repeats is not in the log, another one of the deal says nothing about it: its process may have died with it.
 * - Beyond that a webhook is only counted, and only after what it repeats is in the log; if that failed, it takes its place.
 * - Redis away: everything is `first`. That costs reads of the source, never a deal.
 */
export function createDedup (claims: Claims | null, ask: Ask): Dedup {
  async function take (key: string): Promise<boolean> {
    return claims === null || await ask(() => claims.take(key, CLAIM_SECONDS)) !== false
  }
  function settling (key: string, seconds: number): (isAppended: boolean) => void {
    // Not waited for: a lost settlement shortens an hour to ten seconds.
    return (isAppended) => { if (claims !== null) void ask(() => isAppended ? claims.settle(key, seconds) : claims.release(key)) }
  }
  async function isInTheLog (key: string): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
      const state = claims === null ? null : await ask(() => claims.stateOf(key))
      if (state !== 'taken') return state === 'settled'
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
    return false
  }
  async function oncePerSecond (status: 'first' | 'repeat', key: string): Promise<Seen> {
    if (!await take(key) && await isInTheLog(key)) return { status: 'counted' }
    return { status, settle: settling(key, CLAIM_SECONDS) }
  }
  return {
    async look (hash, dealKey, receivedAt) {
      const key = `webhook:${hash}`
      if (await take(key)) return { status: 'first', settle: settling(key, KEPT_SECONDS) }
      const isRepeated = claims !== null && await ask(() => claims.stateOf(key)) === 'settled'
      return await oncePerSecond('repeat', `webhook:repeat:${isRepeated ? dealKey : hash}:${Math.floor(receivedAt / 1000)}`)
    },
    lookRobot: (dealKey, receivedAt) => oncePerSecond('first', `webhook:robot:${dealKey}:${Math.floor(receivedAt / 1000)}`)
  }
}
