import type { EventLog } from '../eventlog/port.ts'
import type { SourceState, TransferEvent } from '../domain/transfer/events.ts'
import { now } from '../platform/clock.ts'
import { AppError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import { createCatchUp } from './catch-up.ts'
import { bringUp, outgrow } from './sql/catch-up.ts'
import { unknownEvent } from './outcome.ts'
import { highestEpoch } from './sql/lease.ts'
import { readCheckpoints, saveCheckpoints } from './sql/inbox.ts'
import { markUnknown, openIntents } from './sql/intent.ts'
import { settleAgain, settleEnds } from './sql/settle.ts'
import type { Planned } from './work.ts'

/**
 * What a new owner does first: reads `deal-transfers` to its end, which settles every intent whose outcome was appended and
 * brings up rows that have forgotten something (a database lost or restored), and marks the rest unknown. Gives the intents
 * that must wait for their look-up. Throws `epoch_seen` when the log knows the lease's epoch already: the lease is ended then.
 */
export async function recover (deps: { log: EventLog, pool: Pool, logger: Logger, waitMs: number }, lease: { target: string, epoch: number }): Promise<Planned[]> {
  const { log, pool, logger } = deps
  const open = new Map((await openIntents(pool, lease.target)).map(intent => [intent.planned.claim.attemptId, intent]))
  // Of this target alone: another one's recovery has not settled our intents.
  const checkpoint = `deal-transfers:${lease.target}`
  const from = await readCheckpoints(pool, checkpoint)
  const ends = await log.ends('deal-transfers')
  const catchUp = createCatchUp({ target: lease.target, own: lease.epoch })
  let brought = 0
  await log.read('deal-transfers', from, async (batch) => {
    for (const { event } of batch.records) {
      if (event.type === 'DealChangeSignalled') continue
      catchUp.take(event)
      const intent = open.get(event.attemptId)
      if (intent !== undefined && await settleTold(pool, event, intent.planned)) open.delete(intent.planned.claim.attemptId)
    }
    brought += await bringUp(pool, catchUp.told())
  })
  if (brought > 0) logger.log('warning', 'work_brought_up', { target: lease.target, epoch: lease.epoch, count: brought })
  const forgotten = await forgottenEpoch(pool, catchUp.seenEpochs(), lease.epoch)
  if (forgotten !== null) {
    await outgrow(pool, { ...lease, seen: forgotten })
    throw new AppError('epoch_seen', `the log has outcomes of epoch ${forgotten} already, ours is ${lease.epoch}: the database was restored; a higher one is taken`, { retryable: true })
  }
  const left = [...open.values()]
  const fresh = left.filter(intent => intent.status === 'intended').map(intent => intent.planned)
  await Promise.all(fresh.map(p => log.append(unknownEvent(p, { reason: 'owner_gone', lookUpAt: now() + deps.waitMs }, lease.epoch))))
  await markUnknown(pool, fresh.map(p => p.claim.attemptId))
  if (left.length > 0) logger.log('warning', 'intents_unknown', { target: lease.target, epoch: lease.epoch, count: left.length })
  await saveCheckpoints(pool, checkpoint, ends)
  return left.map(intent => intent.planned)
}

/** An epoch of the log that the leases do not know of; null when there is none. Another target may well be taken over after us, and have a higher one. */
async function forgottenEpoch (pool: Pool, seen: { readonly here: number, readonly elsewhere: number }, own: number): Promise<number | null> {
  if (seen.here >= own) return Math.max(seen.here, seen.elsewhere)
  return seen.elsewhere >= own && seen.elsewhere > await highestEpoch(pool) ? seen.elsewhere : null
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
