import type { PortalClient } from '../../bitrix24/client.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Pool } from '../../platform/postgres.ts'
import { markRecordsUnknown, openRecordIntents } from '../sql/record.ts'
import type { RecordBook, WaitingDeal } from './book.ts'
import type { RecordJob, RecordResult } from './record.ts'
import { judgeUnknown, unknownCommands } from './travel.ts'

/** What a new owner does about records: no log tells of them, so every intent that stands is unknown and waits for its look-up. */
export async function recoverRecords (deps: { pool: Pool, logger: Logger, target: string }, book: RecordBook<WaitingDeal>): Promise<void> {
  const open = await openRecordIntents(deps.pool, deps.target)
  if (open.length === 0) return
  await markRecordsUnknown(deps.pool, open)
  for (const job of open) book.becomesUnknown(job)
  deps.logger.log('warning', 'records_unknown', { target: deps.target, count: open.length })
}

/** Asks the target about records whose wait is over; those that it says nothing about stay unknown. */
export async function lookUpRecords (client: PortalClient, jobs: readonly RecordJob[], signal: AbortSignal): Promise<RecordResult[]> {
  const answer = await client.batch(unknownCommands(jobs), { intent: 'read', slot: await client.limiter.slot(signal) })
  return judgeUnknown(jobs, answer.kind === 'ok' ? answer.fate : () => ({ kind: 'none' }))
}
