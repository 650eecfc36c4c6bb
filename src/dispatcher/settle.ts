import type { TransferEvent } from '../domain/transfer/events.ts'
import type { EventLog } from '../eventlog/port.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import type { Outcome } from './outcome.ts'
import { markUnknown } from './sql/intent.ts'
import { markSuspect, settleAgain, settleEnds } from './sql/settle.ts'
import type { DispatcherTelemetry } from './telemetry.ts'
import type { Claim } from './work.ts'

export interface Settler {
  /** Appends the outcomes, then settles their rows. Resolves when both have happened or the service stops. */
  tell (outcomes: readonly Outcome[]): Promise<void>
  /** Appends that these attempts are unknown and marks their rows, with the same insistence. */
  tellUnknown (events: readonly TransferEvent[]): Promise<void>
  /** Repeats `work` until it succeeds or the service stops; `what` names it in the log. */
  insist (what: string, work: () => Promise<void>): Promise<void>
}

/**
 * Appends first, settles second: a crash between the two is repaired from the log (rule `appendFirst`).
 * Repeats both until they succeed; an answered write whose row is gone makes its deal suspect (rule `zombieTells`).
 */
export function createSettler (deps: { log: EventLog, pool: Pool, logger: Logger, telemetry: DispatcherTelemetry, signal: AbortSignal }): Settler {
  const { log, pool, logger, telemetry, signal } = deps

  async function insist (what: string, work: () => Promise<void>): Promise<void> {
    for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 2000)) {
      try {
        await work()
        return
      } catch (error) {
        logger.log('warning', 'settle_repeated', { what, error: messageOf(error) })
        await new Promise(resolve => setTimeout(resolve, wait))
      }
    }
  }

  /** A repeat doubles what was acknowledged before; readers keep the first outcome of an attempt. */
  function append (events: readonly TransferEvent[]): Promise<void> {
    return insist('append', async () => { await Promise.all(events.map(event => log.append(event))) })
  }

  async function settle (outcomes: readonly Outcome[]): Promise<void> {
    let stood: ReadonlySet<string> | undefined
    let tries = 0
    await insist('settle', async () => {
      tries += 1
      const ends = outcomes.flatMap(o => o.settlement.kind === 'end' ? [o.settlement] : [])
      const again = outcomes.flatMap(o => o.settlement.kind === 'again' ? [o.settlement] : [])
      stood = new Set([...await settleEnds(pool, ends), ...await settleAgain(pool, again)])
    })
    const settled = stood
    if (settled === undefined) return
    for (const outcome of outcomes) if (!settled.has(outcome.claim.attemptId) && isAnsweredWrite(outcome)) await suspect(outcome.claim, tries)
  }

  /**
   * Also after a repeat, whose first try may have been the one that settled: who was cut off from the database is the very
   * owner that another one replaced. Doing such a deal once more costs one write at most.
   */
  async function suspect (claim: Claim, tries: number): Promise<void> {
    if (tries === 1) telemetry.zombies.inc()
    logger.log(tries === 1 ? 'error' : 'warning', 'attempt_gone', { portal: claim.portal, source_deal_id: claim.dealId, attempt_id: claim.attemptId, tries }, claim.correlationId)
    await insist('suspect', () => markSuspect(pool, claim))
  }

  return {
    insist,
    async tell (outcomes) {
      if (outcomes.length === 0) return
      await append(outcomes.flatMap(o => o.event === null ? [] : [o.event]))
      if (signal.aborted) return
      await settle(outcomes)
      for (const outcome of outcomes) report(outcome, deps)
    },
    async tellUnknown (events) {
      await append(events)
      await insist('mark_unknown', () => markUnknown(pool, events.map(event => event.attemptId)))
    }
  }
}

function isAnsweredWrite ({ event }: Outcome): boolean {
  return event?.type === 'TransferSucceeded' && event.action !== 'unchanged'
}

function report ({ claim, event }: Outcome, { logger, telemetry }: { logger: Logger, telemetry: DispatcherTelemetry }): void {
  if (event === null) return
  const status = event.type === 'TransferSucceeded' ? event.action : event.type.replace('Transfer', '').toLowerCase()
  telemetry.outcomes.inc({ status })
  if (event.type === 'TransferSucceeded') telemetry.timeToLand.observe(Math.max(0, event.occurredAt - claim.signalledAt) / 1000)
  logger.log(event.type === 'TransferParked' || event.type === 'TransferDeferred' ? 'warning' : 'info', 'deal_transfer', {
    portal: claim.portal, source_deal_id: claim.dealId, target_deal_id: 'targetDealId' in event ? event.targetDealId : null,
    status, duration_ms: event.occurredAt - claim.signalledAt, ...('reason' in event ? { reason: event.reason } : {}), tries: claim.tries + 1
  }, claim.correlationId)
}
