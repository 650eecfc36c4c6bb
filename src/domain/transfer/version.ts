/** A source state: modification time (ms) and hash. The time alone counts seconds, so two states can share it. */
export interface Version { readonly modifiedAt: number, readonly hash: string }

/** What to make of a read. `again` gives the earliest moment of another read on the portal's clock (ms). */
export type Verdict = { readonly kind: 'believe' } | { readonly kind: 'again', readonly at: number, readonly reason: 'lagging_read' | 'same_second' }

const SECOND_OVER_MS = 2000

/**
 * Judges a read against the highest version that was ever attempted or ended (rules `lagByAttempt` and `sameSecond`
 * of the transfer model: without them the target goes back to an older state).
 *
 * An older read comes from a lagging replica. Another hash within the same second is believed only from a read
 * that began 2 s after that second, when no older state of it can come any more.
 */
export function judgeRead (known: Version | null, read: Version, readBeganAt: number): Verdict {
  if (known === null || read.modifiedAt > known.modifiedAt) return { kind: 'believe' }
  if (read.modifiedAt < known.modifiedAt) return { kind: 'again', at: readBeganAt + 1000, reason: 'lagging_read' }
  const over = read.modifiedAt + SECOND_OVER_MS
  if (read.hash === known.hash || readBeganAt >= over) return { kind: 'believe' }
  return { kind: 'again', at: over, reason: 'same_second' }
}
