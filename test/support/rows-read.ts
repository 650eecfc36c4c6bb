import { inTransaction } from '../../src/platform/postgres.ts'
import type { Pool } from '../../src/platform/postgres.ts'

interface PlanNode { readonly 'Node Type': string, readonly 'Actual Rows': number, readonly 'Actual Loops': number, readonly 'Rows Removed by Filter'?: number, readonly Plans?: readonly PlanNode[] }

/** How many rows a statement's plan read from tables and indexes; the statement is run and taken back. */
export async function rowsRead (pool: Pool, text: string, values: unknown[]): Promise<number> {
  return await inTransaction(pool, async (db) => {
    const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`explain (analyze, format json) ${text}`, values)
    await db.query('rollback; begin')
    return scanned(rows[0]?.['QUERY PLAN'][0].Plan)
  })
}

function scanned (node: PlanNode | undefined): number {
  if (node === undefined) return 0
  const below = (node.Plans ?? []).reduce((sum, each) => sum + scanned(each), 0)
  const isTable = /^(Seq|Index|Index Only|Bitmap Heap|Tid) Scan$/.test(node['Node Type'])
  return below + (isTable ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'] : 0)
}
