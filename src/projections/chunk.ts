/*
 * One chunk of one partition, in one transaction: the rows and the checkpoint move together or not at all (G11).
 * Does not promise that a chunk is delivered once: what the checkpoint has passed is dropped, a gap is refused.
 * Breaks when the checkpoint moves in another transaction than the rows, or when two readers skip its row lock.
 * Watched by the property "any chunking and repetition gives the same rows" and by projector.int.test.ts.
 */
import type { LogRecord } from '../eventlog/port.ts'
import type { TransferEvent } from '../domain/transfer/events.ts'
import { failpoint } from '../platform/failpoint.ts'
import { inTransaction } from '../platform/postgres.ts'
import type { Client, Pool } from '../platform/postgres.ts'
import { beginCheckpoint, lockCheckpoint, moveCheckpoint } from './checkpoint.ts'
import type { Partition } from './checkpoint.ts'
import { foldOutcome, foldSignal, noOutcome } from './deal/project.ts'
import type { DealOutcome, DealSignals } from './deal/project.ts'
import { addSignals, keyOf, loadOutcomes, saveOutcomes } from './deal/write.ts'
import type { DealKey } from './deal/write.ts'
import { timelineRow } from './deal-timeline/project.ts'
import type { TimelineRow } from './deal-timeline/project.ts'
import { addTimeline } from './deal-timeline/write.ts'
import { transferRow } from './transfer/project.ts'
import type { TransferRow } from './transfer/project.ts'
import { addTransfers } from './transfer/write.ts'

/** Records of one partition that cover the offsets from `from` to before `next`; holes are records in quarantine. */
export interface Chunk extends Partition { readonly from: bigint, readonly next: bigint, readonly records: readonly LogRecord[] }

/** What became of a chunk; `gap` says where the checkpoint stands and that nothing was changed. */
export type ChunkResult =
  | { readonly kind: 'applied', readonly records: number, readonly next: bigint }
  | { readonly kind: 'gap', readonly expected: bigint }

/** Applies a chunk, or refuses it at a gap. Throws when PostgreSQL does; then nothing was changed, or all of it was. */
export async function applyChunk (pool: Pool, chunk: Chunk): Promise<ChunkResult> {
  return await inTransaction(pool, async (client) => {
    await beginCheckpoint(client, chunk)
    const expected = await lockCheckpoint(client, chunk)
    if (chunk.from > expected) return { kind: 'gap', expected }
    if (chunk.next <= expected) return { kind: 'applied', records: 0, next: expected }
    const fresh = chunk.records.filter(record => record.offset >= expected)
    await writeRows(client, fresh)
    failpoint('K23')
    await moveCheckpoint(client, chunk, chunk.next)
    return { kind: 'applied', records: fresh.length, next: chunk.next }
  })
}

/** Folds records that were not applied yet and writes their rows, one statement per table. */
export async function writeRows (client: Client, records: readonly LogRecord[]): Promise<void> {
  if (records.length === 0) return
  const known = await loadOutcomes(client, distinct(records))
  const folded = foldRecords(records, key => known.get(key) ?? noOutcome)
  if (folded.signals.size > 0) await addSignals(client, folded.signals)
  if (folded.outcomes.size > 0) await saveOutcomes(client, folded.outcomes)
  await addTransfers(client, folded.transfers)
  await addTimeline(client, folded.timeline)
}

export interface Folded {
  readonly signals: Map<string, DealKey & DealSignals>
  readonly outcomes: Map<string, DealKey & { readonly outcome: DealOutcome }>
  readonly transfers: TransferRow[]
  readonly timeline: TimelineRow[]
}

/** The fold of a chunk in memory: pure, so that its rules can be tried in any order without a database. */
export function foldRecords (records: readonly LogRecord[], known: (key: string) => DealOutcome): Folded {
  const folded: Folded = { signals: new Map(), outcomes: new Map(), transfers: [], timeline: [] }
  for (const record of records) {
    const { event } = record
    const deal = { portal: event.portal, dealId: event.dealId }
    const key = keyOf(deal)
    if (event.type === 'DealChangeSignalled') {
      folded.signals.set(key, { ...deal, ...foldSignal(folded.signals.get(key), event.receivedAt) })
      folded.timeline.push(timelineRow(event, record))
    } else {
      const before = folded.outcomes.get(key)?.outcome ?? known(key)
      foldTransfer({ folded, record, event, before })
    }
  }
  return folded
}

function foldTransfer ({ folded, record, event, before }: { folded: Folded, record: LogRecord, event: TransferEvent, before: DealOutcome }): void {
  const { deal: outcome, kept } = foldOutcome(before, event)
  folded.outcomes.set(keyOf(event), { portal: event.portal, dealId: event.dealId, outcome })
  if (!kept) return
  folded.transfers.push(transferRow(event, record))
  folded.timeline.push(timelineRow(event, record))
}

function distinct (records: readonly LogRecord[]): DealKey[] {
  const keys = new Map<string, DealKey>()
  for (const { event } of records) {
    if (event.type !== 'DealChangeSignalled') keys.set(keyOf(event), event)
  }
  return [...keys.values()]
}
