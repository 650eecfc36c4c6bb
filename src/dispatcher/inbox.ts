import { foldOrder } from '../domain/signal/order.ts'
import type { EventLog, Lease, LogRecord, RecordBatch, Subscription } from '../eventlog/port.ts'
import { failpoint } from '../platform/failpoint.ts'
import { inTransaction } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { noteEdits } from './sql/edit.ts'
import { lockCheckpoint, noteSignals, saveCheckpoint } from './sql/inbox.ts'
import type { DealSignals } from './sql/inbox.ts'

const CHUNK = 500

/** Tells that `offset` was expected and a later one came: records are missing. */
export class InboxGap extends Error {}

/**
 * Takes signals from the log into the work table and never waits for a portal.
 * A chunk and its offset are one transaction, so a kill at any moment neither loses nor counts a signal twice.
 */
export function subscribeInbox (deps: { log: EventLog, pool: Pool, targetOf: (portal: string) => string, noted: () => void }): Promise<Subscription> {
  return deps.log.subscribe({
    group: 'dispatcher',
    topics: ['deal-signals'],
    onBatch: async (batch, lease) => {
      for (let at = 0; at < batch.records.length || at === 0; at += CHUNK) {
        const records = batch.records.slice(at, at + CHUNK)
        const last = at + CHUNK >= batch.records.length
        const next = last ? batch.nextOffset : (records.at(-1)?.offset ?? batch.firstOffset) + 1n
        const first = at === 0 ? batch.firstOffset : records[0]?.offset ?? batch.firstOffset
        await takeChunk({ ...deps, batch, lease }, { records, first, next })
        deps.noted()
        await lease.keepAlive()
      }
      await lease.commit(batch.nextOffset)
    }
  })
}

interface Chunk { readonly records: readonly LogRecord[], readonly first: bigint, readonly next: bigint }

async function takeChunk (context: { pool: Pool, targetOf: (portal: string) => string, batch: RecordBatch, lease: Lease }, chunk: Chunk): Promise<void> {
  const { topic, partition } = context.batch
  if (chunk.records.length > 0) failpoint('K8')
  const gap = await inTransaction(context.pool, async (db) => {
    const expected = await lockCheckpoint(db, topic, partition)
    if (chunk.first > expected) return expected
    const fresh = chunk.records.filter(record => record.offset >= expected)
    const deals = gather(fresh, context.targetOf)
    if (deals.length > 0) await noteSignals(db, deals)
    await noteEdits(db, deals)
    await saveCheckpoint(db, { topic, partition, next: chunk.next })
    return undefined
  })
  if (gap === undefined) return
  context.lease.seek(gap)
  throw new InboxGap(`${topic}/${partition}: expected offset ${gap}, got ${chunk.first}`)
}

/** The signals of a chunk by deal, in the order of the deals' keys: two transactions never lock rows crosswise. */
function gather (records: readonly LogRecord[], targetOf: (portal: string) => string): DealSignals[] {
  const deals = new Map<string, DealSignals>()
  for (const { event, offset } of records) {
    if (event.type !== 'DealChangeSignalled') continue
    const key = `${event.portal}:${event.dealId}`
    const before = deals.get(key)
    deals.set(key, {
      portal: event.portal, dealId: event.dealId, target: targetOf(event.portal), count: (before?.count ?? 0) + 1, lastOffset: offset,
      firstReceivedAt: before?.firstReceivedAt ?? event.receivedAt, correlationId: event.correlationId, causationId: event.eventId,
      wish: foldOrder(before?.wish, event)
    })
  }
  return [...deals.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, deal]) => deal)
}
