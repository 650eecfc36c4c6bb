import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding, TargetSave } from '../rig/evidence.ts'

/** I5: no save of a target deal brings an older version than one before it; a closed copy of a deleted deal is the newest of all. */
export function neverBack ({ targetSaves, sourceSaves }: Pick<Evidence, 'targetSaves' | 'sourceSaves'>): Finding[] {
  const deleted = new Set(sourceSaves.filter(save => save.isDeletion).map(dealKey))
  const highest = new Map<string, number>()
  return targetSaves.flatMap((save) => {
    const rank = rankOf(save, deleted)
    const before = highest.get(save.origin) ?? -1
    highest.set(save.origin, Math.max(before, rank))
    return rank < before ? [{ invariant: 'I5', about: save.origin, what: `went back from version ${before} to ${rank} at ${new Date(save.at).toISOString()}` }] : []
  })
}

function rankOf (save: TargetSave, deleted: ReadonlySet<string>): number {
  return save.isClosed && deleted.has(save.origin) ? Infinity : save.version
}

/** I5 and I9 by the log: of the ends of a deal, none was reached with a source state older than one before; so no older one overtakes a parked deal. */
export function neverBackInTheLog ({ log }: Pick<Evidence, 'log'>): Finding[] {
  const highest = new Map<string, number>()
  return log.outcomes.flatMap((outcome) => {
    const modified = outcome.sourceModifiedAt ?? null
    if (modified === null || (outcome.type !== 'TransferSucceeded' && outcome.type !== 'TransferParked')) return []
    const before = highest.get(dealKey(outcome)) ?? 0
    highest.set(dealKey(outcome), Math.max(before, modified))
    return modified < before ? [{ invariant: 'I5', about: dealKey(outcome), what: `attempt ${outcome.attemptNo} ended with the state of ${new Date(modified).toISOString()}, after one of ${new Date(before).toISOString()}` }] : []
  })
}

/** I5 of contacts and companies: no save of a copy brings an older version of its record than one before it. */
export function neverBackRecords ({ recordSaves }: Pick<Evidence, 'recordSaves'>): Finding[] {
  const highest = new Map<string, number>()
  return recordSaves.flatMap(({ kind, origin, at, version }) => {
    const key = `${kind} ${origin}`
    const before = highest.get(key) ?? 0
    highest.set(key, Math.max(before, version))
    return version < before ? [{ invariant: 'I5', about: key, what: `went back from version ${before} to ${version} at ${new Date(at).toISOString()}` }] : []
  })
}
