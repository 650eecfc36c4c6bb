import type { RecordRef } from '../../domain/mapping/carried.ts'
import type { Queryable } from '../../platform/postgres.ts'

/** The hashes of what surely stands in the target of these contacts and companies, as far as dealbridge made them and none of them is in hand. */
export async function readWritten (db: Queryable, of: { portal: string, target: string }, refs: readonly RecordRef[]): Promise<(RecordRef & { readonly writtenHash: string })[]> {
  const { rows } = await db.query<{ kind: RecordRef['kind'], source_id: string, written_hash: string }>(`
    select r.kind, r.source_id, r.written_hash
    from unnest($3::text[], $4::text[]) as n (kind, source_id)
    join dispatch.record r on r.target = $1 and r.portal = $2 and r.kind = n.kind and r.source_id = n.source_id
    where r.status = 'idle' and not r.adopted and not r.suspect and r.written_hash is not null`,
  [of.target, of.portal, refs.map(ref => ref.kind), refs.map(ref => ref.sourceId)])
  return rows.map(row => ({ kind: row.kind, sourceId: row.source_id, writtenHash: row.written_hash }))
}
