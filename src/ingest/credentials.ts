import { hash, timingSafeEqual } from 'node:crypto'

/** Secrets and what they open. Only digests are kept in memory. */
export interface SecretBook<T> {
  /** What `secret` opens, or null. Right and wrong secrets of one length take the same work. */
  find (secret: string): T | null
}

interface Entry<T> { readonly digest: Buffer, readonly value: T }

/**
 * A book of any number of secrets (several may open the same: that is how one is rotated).
 *
 * The digest, not the secret, is looked up, so the time of the lookup says nothing about a secret; the comparison
 * itself takes constant time and is done for an unknown digest as well.
 */
export function createSecretBook<T> (secrets: Iterable<readonly [secret: string, value: T]>): SecretBook<T> {
  const entries = new Map<string, Entry<T>>()
  for (const [secret, value] of secrets) {
    const digest = digestOf(secret)
    entries.set(digest.toString('latin1'), { digest, value })
  }
  return {
    find (secret) {
      const digest = digestOf(secret)
      const entry = entries.get(digest.toString('latin1'))
      const isEqual = timingSafeEqual(digest, entry?.digest ?? NOBODY)
      return isEqual && entry !== undefined ? entry.value : null
    }
  }
}

// All zeros: nobody knows a text with this digest.
const NOBODY = Buffer.alloc(32)

function digestOf (secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}
