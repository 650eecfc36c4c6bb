import type { TransferEvent } from '../domain/transfer/events.ts'
import type { Told } from './sql/catch-up.ts'

/**
 * What a run of outcomes says of the deals of one target, for rows that may have forgotten it: a database that was lost, or
 * restored from a backup. Without it attempts would be numbered anew and links forgotten; readers would leave the outcomes out.
 */
export interface CatchUp {
  take (event: TransferEvent): void
  /** The deals taken since the last call, the newest word about each. */
  told (): Told[]
  /** The highest epoch that somebody else has told an outcome with: about this target's deals, and about those of other targets. */
  seenEpochs (): { readonly here: number, readonly elsewhere: number }
}

/** `own`: the epoch of the reader, whose words about what a former owner left do not count as another's. */
export function createCatchUp ({ target, own }: { readonly target: string, readonly own: number }): CatchUp {
  let deals = new Map<string, Told>()
  const links = new Map<string, string | null>()
  const seen = { here: 0, elsewhere: 0 }

  function take (event: TransferEvent): void {
    const where = event.target === target ? 'here' : 'elsewhere'
    if (event.epoch !== own || event.type !== 'TransferOutcomeUnknown' || event.reason !== 'owner_gone') seen[where] = Math.max(seen[where], event.epoch)
    if (event.target !== target) return
    const key = `${event.portal}:${event.dealId}`
    if ('targetDealId' in event) links.set(key, event.type === 'TransferSucceeded' && event.action === 'deleted' ? null : event.targetDealId)
    const before = deals.get(key)
    const end = endOf(event)
    deals.set(key, {
      portal: event.portal, dealId: event.dealId, target, attemptNo: Math.max(event.attemptNo, before?.attemptNo ?? 0), link: links.get(key) ?? null,
      status: end?.status ?? before?.status ?? 'idle', reason: end === undefined ? before?.reason ?? null : end.reason,
      coveredOffset: end?.coveredOffset ?? before?.coveredOffset ?? -1n, coveredCount: end?.coveredCount ?? before?.coveredCount ?? 0,
      modifiedAt: end?.modifiedAt ?? before?.modifiedAt ?? null, hash: end?.hash ?? before?.hash ?? null
    })
  }

  return {
    take,
    told () {
      const all = [...deals.values()]
      deals = new Map()
      return all
    },
    seenEpochs: () => seen
  }
}

function endOf (event: TransferEvent): Pick<Told, 'status' | 'coveredOffset' | 'coveredCount' | 'modifiedAt' | 'hash' | 'reason'> | undefined {
  if (event.type !== 'TransferSucceeded' && event.type !== 'TransferSkipped' && event.type !== 'TransferParked') return undefined
  const hash = event.sourceModifiedAt === null ? null : event.sourceHash
  return {
    status: event.type === 'TransferParked' ? 'parked' : 'idle', coveredOffset: event.coveredOffset, coveredCount: event.coveredCount,
    modifiedAt: event.sourceModifiedAt, hash, reason: event.type === 'TransferSucceeded' ? null : event.reason
  }
}
