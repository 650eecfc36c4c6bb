import { betterLane, laneOf } from '../domain/schedule/lane.ts'
import { foldOrder } from '../domain/signal/order.ts'
import type { EventLog, Lease, LogRecord, RecordBatch, Subscription } from '../eventlog/port.ts'
import { failpoint } from '../platform/failpoint.ts'
import { inTransaction } from '../platform/postgres.ts'
import type { Pool } from '../platform/postgres.ts'
import { noteEdits } from './sql/edit.ts'
import { lockCheckpoint, noteSignals, readCheckpoints, saveCheckpoint } from './sql/inbox.ts'
import type { DealSignals } from './sql/inbox.ts'

const CHUNK = 500

/** Tells that `offset` was expected and a later one came: records are missing. */
export class InboxGap extends Error {}

interface InboxDeps { readonly log: EventLog, readonly pool: Pool, readonly targetOf: (portal: string) => string, readonly noted: () => void }

/**
 * Takes signals from the log into the work table and never waits for a portal.
 * A chunk and its offset are one transaction, so a kill at any moment neither loses nor counts a signal twice.
 *
 * It begins with what the database has not taken, whatever the group has committed: after a loss or a restore of the database the
 * group stands at the end, and would show the gap only with the next signal of each partition.
 */
export async function subscribeInbox (deps: InboxDeps): Promise<Subscription> {
  const { log, pool } = deps
  await log.read('deal-signals', await readCheckpoints(pool, 'deal-signals'), batch => takeBatch(deps, batch))
  return await log.subscribe({
    group: 'dispatcher',
    topics: ['deal-signals'],
    onBatch: async (batch, lease) => {
      await takeBatch(deps, batch, lease)
      await lease.commit(batch.nextOffset)
    }
  })
}

async function takeBatch (deps: InboxDeps, batch: RecordBatch, lease?: Lease): Promise<void> {
  for (let at = 0; at < batch.records.length || at === 0; at += CHUNK) {
    const records = batch.records.slice(at, at + CHUNK)
    const last = at + CHUNK >= batch.records.length
    const next = last ? batch.nextOffset : (records.at(-1)?.offset ?? batch.firstOffset) + 1n
    const first = at === 0 ? batch.firstOffset : records[0]?.offset ?? batch.firstOffset
    if (records.length > 0) failpoint('K8')
    const gap = await takeChunk(deps, batch, { records, first, next })
    if (gap !== undefined) {
      lease?.seek(gap)
      throw new InboxGap(`${batch.topic}/${batch.partition}: expected offset ${gap}, got ${first}`)
    }
    deps.noted()
    await lease?.keepAlive()
  }
}

interface Chunk { readonly records: readonly LogRecord[], readonly first: bigint, readonly next: bigint }

/** Gives the offset that was expected when records before this chunk are missing; nothing was taken then. */
async function takeChunk ({ pool, targetOf }: InboxDeps, { topic, partition }: RecordBatch, chunk: Chunk): Promise<bigint | undefined> {
  return await inTransaction(pool, async (db) => {
    const expected = await lockCheckpoint(db, topic, partition)
    if (chunk.first > expected) return expected
    const fresh = chunk.records.filter(record => record.offset >= expected)
    const deals = gather(fresh, targetOf)
    if (deals.length > 0) await noteSignals(db, deals)
    await noteEdits(db, deals)
    await saveCheckpoint(db, { topic, partition, next: chunk.next })
    return undefined
  })
}

/** The signals of a chunk by deal, in the order of the deals' keys: two transactions never lock rows crosswise. */
function gather (records: readonly LogRecord[], targetOf: (portal: string) => string): DealSignals[] {
  const deals = new Map<string, DealSignals>()
  for (const { event, offset } of records) {
    if (event.type !== 'DealChangeSignalled') continue
    const key = `${event.portal}:${event.dealId}`
    const before = deals.get(key)
    const lane = laneOf(event.channel)
    deals.set(key, {
      portal: event.portal, dealId: event.dealId, target: targetOf(event.portal), count: (before?.count ?? 0) + 1, lastOffset: offset,
      lane: before === undefined ? lane : betterLane(before.lane, lane),
      firstReceivedAt: before?.firstReceivedAt ?? event.receivedAt, correlationId: event.correlationId, causationId: event.eventId,
      wish: foldOrder(before?.wish, event)
    })
  }
  return [...deals.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, deal]) => deal)
}
