import type { RecordRef } from '../../domain/mapping/carried.ts'
import type { Queryable } from '../../platform/postgres.ts'

/**
 * The hashes of what surely stands in the target of these contacts and companies, null where nothing is sure, as far as dealbridge
 * made them and none of them is in hand. A claim of a former owner of the lease is nobody's: the deal that it was made for may need
 * the record no more, and who else names the record would wait for it for ever.
 */
export async function readWritten (db: Queryable, of: { portal: string, target: string }, refs: readonly RecordRef[]): Promise<(RecordRef & { readonly writtenHash: string | null })[]> {
  const { rows } = await db.query<{ kind: RecordRef['kind'], source_id: string, written_hash: string | null }>(`
    select r.kind, r.source_id, r.written_hash
    from unnest($3::text[], $4::text[]) as n (kind, source_id)
    join dispatch.record r on r.target = $1 and r.portal = $2 and r.kind = n.kind and r.source_id = n.source_id
    left join dispatch.lease l on l.target = r.target
    where not r.adopted and (r.status = 'idle' or r.status = 'claimed' and r.claim_epoch < l.epoch)`,
  [of.target, of.portal, refs.map(ref => ref.kind), refs.map(ref => ref.sourceId)])
  return rows.map(row => ({ kind: row.kind, sourceId: row.source_id, writtenHash: row.written_hash }))
}
