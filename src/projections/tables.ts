import { createHash } from 'node:crypto'
import type { Queryable } from '../platform/postgres.ts'

const TABLES = {
  deal: 'portal, deal_id',
  transfer: 'portal, deal_id, log_offset',
  deal_timeline: 'portal, deal_id, topic, log_offset',
  checkpoint: 'projection, topic, partition'
} as const

export type ReadTable = keyof typeof TABLES

/** SHA-256 over the rows of each read model by primary key: equal rows give equal hashes for one session time zone (G11). */
export async function hashTables (db: Queryable): Promise<Record<ReadTable, { readonly rows: number, readonly hash: string }>> {
  const [deal, transfer, timeline, checkpoint] = [await hashTable(db, 'deal'), await hashTable(db, 'transfer'), await hashTable(db, 'deal_timeline'), await hashTable(db, 'checkpoint')]
  return { deal, transfer, deal_timeline: timeline, checkpoint }
}

async function hashTable (db: Queryable, table: ReadTable): Promise<{ rows: number, hash: string }> {
  const { rows } = await db.query<{ row: string }>(`select t::text as row from read_v1.${table} t order by ${TABLES[table]}`)
  const hash = createHash('sha256')
  for (const { row } of rows) hash.update(row).update('\n')
  return { rows: rows.length, hash: hash.digest('hex') }
}
