// A contact's or company's own change moves nothing of the deals that name it, so no list of deals tells it.
import type { TargetDeal } from '../bitrix24/read.ts'
import { RECORDS_SIZE, readRecords, refKey } from '../bitrix24/record.ts'
import { mapRecord, recordsOf, ruleOf } from '../domain/mapping/carried.ts'
import type { RecordRef } from '../domain/mapping/carried.ts'
import { hashOf } from '../platform/hash.ts'
import { readWritten } from './sql/record.ts'
import { PassFailed, tell, unlessStopped } from './work.ts'
import type { Work } from './work.ts'

/**
 * Signals a deal for each carried record that differs from what stands in the target: one deal brings its records along, for all
 * that share them. `deals`: those at rest in the target, for which nothing else is to be done. Records that were recognised
 * there and not made are never written, so nothing is asked about them.
 */
export async function signalChangedRecords (work: Work, deals: readonly TargetDeal[]): Promise<void> {
  const { route, portal, pool, client, counts, signal } = work
  const named = new Map<string, { readonly ref: RecordRef, readonly deal: TargetDeal }>()
  for (const deal of deals) for (const ref of recordsOf(route.mapping, deal.deal)) if (!named.has(refKey(ref))) named.set(refKey(ref), { ref, deal })
  const written = named.size === 0 ? [] : await readWritten(pool, { portal, target: route.to }, [...named.values()].map(each => each.ref))
  const changed = new Set<TargetDeal>()
  for (let at = 0; at < written.length; at += RECORDS_SIZE) {
    const refs = written.slice(at, at + RECORDS_SIZE)
    await work.turn()
    counts.requests += 1
    const read = await unlessStopped(readRecords(client, refs, signal), signal)
    if (read.kind === 'failed') throw new PassFailed(read.failure)
    for (const ref of refs) {
      const [record, rule, deal] = [read.records.get(refKey(ref)), ruleOf(route.mapping, ref.kind), named.get(refKey(ref))?.deal]
      if (record !== undefined && rule !== null && deal !== undefined && hashOf(mapRecord(rule, record.fields)) !== ref.writtenHash) changed.add(deal)
    }
  }
  counts.signalled += changed.size
  await tell(work, [...changed].map(({ id, deal }) => ({ dealId: id, kind: 'updated', channel: 'sweep', modified: typeof deal['DATE_MODIFY'] === 'string' ? deal['DATE_MODIFY'] : '' })))
}
