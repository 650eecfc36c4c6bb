import type { DealRow, Evidence, Finding } from '../rig/evidence.ts'
import { foldLog } from './log-fold.ts'
import type { FoldedDeal } from './log-fold.ts'

/** I10: the read model of deals is the fold of the log, as this oracle folds it; to be asked when no reader lags. */
export function readModel ({ log, tables }: Pick<Evidence, 'log' | 'tables'>): Finding[] {
  const rows = new Map(tables.deals.map(row => [`${row.portal}:${row.deal_id}`, row]))
  const folded = foldLog(log)
  return [...new Set([...rows.keys(), ...folded.keys()])].flatMap((about) => {
    const [row, deal] = [rows.get(about), folded.get(about)]
    const [shown, told] = [row === undefined ? null : textOfRow(row), deal === undefined ? null : textOfFold(deal)]
    return shown === told ? [] : [{ invariant: 'I10', about, what: `the read model has ${shown}, the log says ${told}` }]
  })
}

/** I10: the hashes of the live tables and of tables that were built from the first record on are equal. */
export function rebuiltTables (live: Readonly<Record<string, { readonly rows: number, readonly hash: string }>>, rebuilt: typeof live): Finding[] {
  return Object.keys(live).filter(table => live[table]?.hash !== rebuilt[table]?.hash)
    .map(about => ({ invariant: 'I10', about, what: `has ${live[about]?.rows} rows live and ${rebuilt[about]?.rows} rebuilt, or they differ` }))
}

function textOfRow (row: DealRow): string {
  return JSON.stringify([Number(row.signals_seen), Number(row.open), ...[row.applied, row.unchanged, row.superseded, row.skipped, row.parked].map(Number), row.state, row.target_deal_id, row.title, row.stage, row.reason])
}

function textOfFold ({ signals, open, ends, state, targetDealId, title, stage, reason }: FoldedDeal): string {
  return JSON.stringify([signals, open, ends.applied, ends.unchanged, ends.superseded, ends.skipped, ends.parked, state, targetDealId, title, stage, reason])
}
