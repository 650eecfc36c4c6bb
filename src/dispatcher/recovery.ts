import type { EventLog } from '../eventlog/port.ts'
import type { SourceState, TransferEvent } from '../domain/transfer/events.ts'
import { now } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import { unknownEvent } from './outcome.ts'
import { readCheckpoints, saveCheckpoints } from './sql/inbox.ts'
import { markUnknown, openIntents } from './sql/intent.ts'
import { settleAgain, settleEnds } from './sql/settle.ts'
import type { Planned } from './work.ts'

/**
 * What a new owner does first: reads `deal-transfers` to its end, which settles every intent whose outcome
 * was appended, and marks the rest unknown. Gives the intents that must wait for their look-up.
 */
export async function recover (deps: { log: EventLog, pool: Pool, logger: Logger, waitMs: number }, lease: { target: string, epoch: number }): Promise<Planned[]> {
  const { log, pool, logger } = deps
  const open = new Map((await openIntents(pool, lease.target)).map(intent => [intent.planned.claim.attemptId, intent]))
  // Of this target alone: another one's recovery has not settled our intents.
  const checkpoint = `deal-transfers:${lease.target}`
  const from = await readCheckpoints(pool, checkpoint)
  const ends = await log.ends('deal-transfers')
  if (open.size > 0) {
    await log.read('deal-transfers', from, async (batch) => {
      for (const { event } of batch.records) {
        const intent = event.type === 'DealChangeSignalled' ? undefined : open.get(event.attemptId)
        if (intent === undefined || !await settleTold(pool, event as TransferEvent, intent.planned)) continue
        open.delete(intent.planned.claim.attemptId)
      }
    })
  }
  const left = [...open.values()]
  const fresh = left.filter(intent => intent.status === 'intended').map(intent => intent.planned)
  await Promise.all(fresh.map(p => log.append(unknownEvent(p, { reason: 'owner_gone', lookUpAt: now() + deps.waitMs }, lease.epoch))))
  await markUnknown(pool, fresh.map(p => p.claim.attemptId))
  if (left.length > 0) logger.log('warning', 'intents_unknown', { target: lease.target, epoch: lease.epoch, count: left.length })
  await saveCheckpoints(pool, checkpoint, ends)
  return left.map(intent => intent.planned)
}

/** Settles a row by the outcome that its former owner had appended. False for an event that ends no attempt. */
async function settleTold (pool: Pool, event: TransferEvent, planned: Planned): Promise<boolean> {
  const { attemptId } = event
  const base = { kind: 'end', attemptId, coveredOffset: event.coveredOffset, coveredCount: event.coveredCount } as const
  switch (event.type) {
    case 'TransferSucceeded': {
      const gone = event.action === 'deleted'
      await settleEnds(pool, [{ ...base, status: 'idle', ...seen(event), link: gone ? null : event.targetDealId, writtenHash: gone ? null : planned.fieldsHash, reason: null }])
      return true
    }
    case 'TransferSkipped':
    case 'TransferParked': {
      await settleEnds(pool, [{ ...base, status: event.type === 'TransferParked' ? 'parked' : 'idle', ...seen(event), link: event.targetDealId, writtenHash: null, reason: event.reason }])
      return true
    }
    case 'TransferDeferred': {
      await settleAgain(pool, [{ kind: 'again', attemptId, status: 'deferred', delayMs: Math.max(0, event.nextTryAt - now()), tries: event.tries, reason: event.reason }])
      return true
    }
    case 'TransferSuperseded': {
      await settleAgain(pool, [{ kind: 'again', attemptId, status: 'waiting', delayMs: 0, tries: planned.claim.tries, link: event.targetDealId, reason: event.reason }])
      return true
    }
    case 'TransferOutcomeUnknown': return false
  }
}

/** The version that was ended; a deal of which nothing could be read has none. */
function seen (state: SourceState): { modifiedAt: number | null, hash: string | null } {
  return { modifiedAt: state.sourceModifiedAt, hash: state.sourceModifiedAt === null ? null : state.sourceHash }
}
