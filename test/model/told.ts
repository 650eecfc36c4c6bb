import type { TransferEvent, TransferSucceeded } from '../../src/domain/transfer/events.ts'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { keyOf } from './facts.ts'
import type { Facts } from './facts.ts'

/** A log in memory that judges what is told where it arrives, by what is true in that moment (P4, P6). */
export function createJudgedLog (facts: Facts): EventLog {
  const memory = createMemoryLog()
  return {
    ...memory,
    async append (event, traceparent) {
      const position = await memory.append(event, traceparent)
      if (event.type !== 'DealChangeSignalled') await judge(facts, event)
      return position
    }
  }
}

async function judge ({ events, applied, removed, breaks, ...facts }: Facts, event: TransferEvent): Promise<void> {
  const before = events.get(event.dealId) ?? []
  // Readers keep the first outcome of an attempt: a former owner may have told it before the look-up does.
  const isFirst = before.every(other => other.attemptId !== event.attemptId || other.type === 'TransferOutcomeUnknown')
  before.push(event)
  if (isFirst && event.type === 'TransferSuperseded' && event.reason === 'attempt_lost' && applied.has(event.attemptId) && removed.size === 0) breaks(`P4 an attempt on ${keyOf(event.dealId)} is told as lost, but it was applied`)
  if (event.type !== 'TransferSucceeded' || event.action !== 'unchanged' || !await isSettledBy(facts, event)) return
  const copy = facts.target.copyOf(keyOf(event.dealId))
  if (copy !== undefined && copy.value !== event.title) breaks(`P6 "unchanged" is told of ${keyOf(event.dealId)} in ${event.title} while the target holds ${copy.value}`)
}

/** Whether the outcome will settle its row: its attempt stands, and its epoch is that of the lease. */
async function isSettledBy ({ stage }: Pick<Facts, 'stage'>, { attemptId, epoch }: TransferSucceeded): Promise<boolean> {
  const { rowCount } = await stage.admin.query('select from dispatch.work w join dispatch.lease l using (target) where w.attempt_id = $1 and l.epoch = $2', [attemptId, epoch])
  return rowCount === 1
}
