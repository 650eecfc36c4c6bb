import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import type { EventLog } from '../eventlog/port.ts'
import { failpoint } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { LATE, within } from './deadline.ts'
import type { Spool } from './spool/spool.ts'

/** `offset` is null when the event is kept on disk and its place in the log not known yet. */
export type Accepted = { readonly status: 'kept', readonly offset: bigint | null } | { readonly status: 'refused' }

/** Makes an event durable, or says that it could not. The only way from ingest into the log. */
export type Accept = (event: DealChangeSignalled) => Promise<Accepted>

/** The part of the spool that is needed here. */
export type Keeper = Pick<Spool, 'isInUse' | 'keep'>

/**
 * Appends with a patience; then the event goes to the spool, or is refused where there is none.
 *
 * A refused append may still succeed later: the caller tries again and the log holds the signal twice, which costs one
 * read of the source. `kept` is never said of an event that could get lost.
 */
export function createAccept (options: { log: EventLog, logger: Logger, spool: Keeper | null, patienceMs: number }): Accept {
  const { log, logger, spool, patienceMs } = options
  return async (event) => {
    failpoint('K1')
    // Behind what waits already; and while the log is known to be away the disk answers at once, not after the patience.
    if (spool !== null && (spool.isInUse() || !log.isWritable()) && await spool.keep(event) === 'kept') return { status: 'kept', offset: null }
    try {
      const position = await within(patienceMs, log.append(event))
      if (position !== LATE) return { status: 'kept', offset: position.offset }
    } catch (error) {
      logger.log('error', 'append_refused', { portal: event.portal, source_deal_id: event.dealId, error: messageOf(error) }, event.correlationId)
    }
    return spool !== null && await insist(spool, event) ? { status: 'kept', offset: null } : { status: 'refused' }
  }
}

/** A spool that has just been drained would have the log take the event; but the log has just refused it. */
async function insist (spool: Keeper, event: DealChangeSignalled): Promise<boolean> {
  const kept = await spool.keep(event)
  return kept === 'kept' || (kept === 'drained' && await spool.keep(event) === 'kept')
}
