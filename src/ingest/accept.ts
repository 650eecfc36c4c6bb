import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import type { EventLog } from '../eventlog/port.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import { LATE, within } from './deadline.ts'

/** `offset` is null when the event is kept on disk and its place in the log not known yet. */
export type Accepted = { readonly status: 'kept', readonly offset: bigint | null } | { readonly status: 'refused' }

/** Makes an event durable, or says that it could not. The only way from ingest into the log. */
export type Accept = (event: DealChangeSignalled) => Promise<Accepted>

/** Where events wait while the log is away: true once the event is on disk for good, false when the disk is full. */
export interface Spool { keep (event: DealChangeSignalled): Promise<boolean> }

/**
 * Appends with a patience; then the event goes to the spool, or is refused where there is none.
 *
 * A refused append may still succeed later: the caller tries again and the log holds the signal twice, which costs one
 * read of the source. `kept` is never said of an event that could get lost.
 */
export function createAccept (options: { log: EventLog, logger: Logger, spool: Spool | null, patienceMs: number }): Accept {
  const { log, logger, spool, patienceMs } = options
  return async (event) => {
    // While the log is known to be away, the disk answers at once instead of after the patience.
    if (spool !== null && !log.isWritable() && await spool.keep(event)) return { status: 'kept', offset: null }
    try {
      const position = await within(patienceMs, log.append(event))
      if (position !== LATE) return { status: 'kept', offset: position.offset }
    } catch (error) {
      logger.log('error', 'append_refused', { portal: event.portal, source_deal_id: event.dealId, error: messageOf(error) }, event.correlationId)
    }
    return spool !== null && await spool.keep(event) ? { status: 'kept', offset: null } : { status: 'refused' }
  }
}
