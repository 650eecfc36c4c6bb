import type { Version } from '../domain/transfer/version.ts'

/**
 * What is known of a deal that the portal lists. `ended` is the version of its last end (applied, unchanged, skipped or
 * parked), `attempted` the newest that was ever sent. `signalledOffset`: the last signal of the sweep that may still be open;
 * `inBackfill`: it is one of the backfill. `linked`: the deal stands in the target.
 */
export interface Standing {
  readonly status: 'idle' | 'waiting' | 'claimed' | 'intended' | 'deferred' | 'parked' | 'unknown' | null
  readonly lastOffset: bigint
  readonly coveredOffset: bigint
  readonly claimOffset: bigint
  readonly ended: Version | null
  readonly attempted: Version | null
  readonly signalledOffset: bigint | null
  readonly inBackfill: boolean
  readonly linked: boolean
  /** An operator holds it, and it has its end as such: nothing but another order brings a read. */
  readonly held: boolean
}

/** A deal of which nothing is known. */
export const UNKNOWN_DEAL: Standing = { status: null, lastOffset: -1n, coveredOffset: -1n, claimOffset: -1n, ended: null, attempted: null, signalledOffset: null, inBackfill: false, linked: false, held: false }

/**
 * What to do about a listed deal: `signal` it; nothing, since it is the `same` as at its last end, or the list is `older`
 * than that, or it is `open`: a read that begins after now is sure to come, be it with an operator's word; or ask again `later`: a read of it has begun,
 * perhaps before this version.
 */
export type Verdict = 'signal' | 'same' | 'older' | 'open' | 'later'

const IN_HAND = new Set(['claimed', 'intended', 'unknown'])

/**
 * Compares a listed version with the last *ended* one, by time and hash: a parked deal has its end, so it is not tried again
 * at every pass, which a comparison with the last transferred version would do (design 5.10).
 */
export function compare (listed: Version, standing: Standing): Verdict {
  const { status, ended, attempted, signalledOffset } = standing
  if (signalledOffset !== null && standing.coveredOffset < signalledOffset) return 'open'
  if (status === 'waiting' || status === 'deferred') return 'open'
  // The order that ends the hold is a signal itself; until then each signal of ours would only be told as held once more.
  if (standing.held) return 'open'
  if (status !== null && IN_HAND.has(status)) {
    if (standing.lastOffset > standing.claimOffset || isSame(listed, attempted)) return 'open'
    return 'later'
  }
  if (ended === null) return 'signal'
  if (listed.modifiedAt < ended.modifiedAt) return 'older'
  return isSame(listed, ended) ? 'same' : 'signal'
}

/** Whether all that a deal waits for is the backfill's signal, which gives way to every other work. */
export function waitsInBackfill ({ inBackfill, signalledOffset, coveredOffset, lastOffset }: Standing): boolean {
  return inBackfill && signalledOffset !== null && coveredOffset < signalledOffset && lastOffset <= signalledOffset
}

function isSame (one: Version, other: Version | null): boolean {
  return other !== null && one.modifiedAt === other.modifiedAt && one.hash === other.hash
}
