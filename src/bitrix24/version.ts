import type { Fields } from '../domain/mapping/mapping.ts'
import type { Version } from '../domain/transfer/version.ts'
import { hashOf } from '../platform/hash.ts'

/** The version of a source deal's snapshot: its modification time (an instant, whatever the portal's zone; 0 when there is none), and a hash over all it says. */
export function versionOf (deal: Fields): Version {
  const text = deal['DATE_MODIFY']
  const at = typeof text === 'string' ? Date.parse(text) : NaN
  return { modifiedAt: Number.isNaN(at) ? 0 : at, hash: hashOf(deal) }
}
