import { refusedRequests } from '../../simulator/oracle.ts'
import type { Evidence, Finding } from '../rig/evidence.ts'

/** I12: no request was refused for want of budget but those that the rig had refused. */
export function budget ({ journal, refusing }: Pick<Evidence, 'journal' | 'refusing'>): Finding[] {
  return refusedRequests(journal).filter(({ at }) => !refusing.some(({ from, to }) => from <= at && at <= to))
    .map(entry => ({ invariant: 'I12', about: entry.portal, what: `${entry.error ?? ''} for ${entry.method ?? ''} (journal ${entry.seq}), and nobody had ordered it` }))
}
