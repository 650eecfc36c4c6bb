import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding } from '../rig/evidence.ts'
import { foldLog } from './log-fold.ts'

/** I8: what is parked by the log is parked in the work and shown to people, and nothing else is; nothing of ours went to quarantine. */
export function nothingDropped ({ log, tables }: Pick<Evidence, 'log' | 'tables'>): Finding[] {
  const byLog = new Set([...foldLog(log)].filter(([, deal]) => deal.state === 'parked').map(([key]) => key))
  const shown = new Set(tables.attention.filter(row => row.state === 'parked').map(row => dealKey({ portal: row.portal, dealId: row.deal_id })))
  const inWork = new Set(tables.work.filter(row => row.status === 'parked').map(row => `${row.portal}:${row.deal_id}`))
  const unlike = [...new Set([...byLog, ...shown, ...inWork])].filter(key => !byLog.has(key) || !shown.has(key) || !inWork.has(key))
  return [
    ...unlike.map(about => ({ invariant: 'I8', about, what: `parked by the log: ${byLog.has(about)}, in the work: ${inWork.has(about)}, shown: ${shown.has(about)}` })),
    ...log.quarantined > 0 ? [{ invariant: 'I8', about: 'quarantine', what: `holds ${log.quarantined} records, and none of the rig's is undecodable` }] : []
  ]
}
