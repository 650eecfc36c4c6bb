import { z } from 'zod'
import type { EventLog } from '../../eventlog/port.ts'
import { failpoint } from '../../platform/failpoint.ts'
import type { Logger } from '../../platform/logger.ts'
import type { SegmentReader, Writing } from './segments.ts'

const TOGETHER = 500

const signalSchema = z.object({
  type: z.literal('DealChangeSignalled'), eventId: z.string(), correlationId: z.string(), causationId: z.string().nullable(), occurredAt: z.number(), portal: z.string(), dealId: z.string(),
  kind: z.enum(['added', 'updated', 'moved', 'deleted', 'unknown']), channel: z.enum(['webhook', 'robot', 'api', 'sweep', 'offline', 'operator', 'backfill']),
  receivedAt: z.number(), payload: z.string(), payloadHash: z.string(), repeat: z.boolean()
})

/** Appends all that stands in a folder now, in order, and takes away what is in the log; gives how many. Rejects when the log is closed. */
export async function emptyFolder (reader: SegmentReader, writing: () => Writing | null, into: { log: EventLog, logger: Logger }): Promise<number> {
  let count = 0
  for (let reading = await reader.next(writing); reading !== null; reading = await reader.next(writing)) {
    const { payloads, rest } = reading
    if (rest === 'damaged') into.logger.log('error', 'spool_damaged', { count: payloads.length, what: 'what follows these cannot be read; the file is kept as .damaged' })
    for (let at = 0; at < payloads.length; at += TOGETHER) await appendAll(payloads.slice(at, at + TOGETHER), into)
    count += payloads.length
    failpoint('K7')
    await reading.done()
  }
  return count
}

/** Handed over in order and waited for together: a partition keeps the order of its appends. */
async function appendAll (payloads: readonly Buffer[], { log, logger }: { log: EventLog, logger: Logger }): Promise<void> {
  await Promise.all(payloads.map(async (payload) => {
    const event = signalSchema.safeParse(JSON.parse(payload.toString('utf8')))
    if (event.success) await log.append(event.data)
    else logger.log('error', 'spool_damaged', { count: 1, what: 'a record is no signal' })
  }))
}
