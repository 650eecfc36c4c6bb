import { createHash } from 'node:crypto'
import type { Evidence, Finding } from '../rig/evidence.ts'

/** I1: a webhook that was answered 2xx is in `deal-signals`, known by portal, event, deal and `ts`. To be asked when nothing drains any more. */
export function answeredWebhooks ({ journal, log }: Pick<Evidence, 'journal' | 'log'>): Finding[] {
  const logged = new Set(log.signals.map(signal => signal.payloadHash))
  return journal.filter(entry => entry.kind === 'webhook_sent' && entry.dealId !== undefined && entry.ts !== undefined).flatMap((entry) => {
    const hash = createHash('sha256').update(`${entry.portal}\n${entry.event ?? ''}\n${entry.dealId}\n${entry.ts}`).digest('hex')
    if (logged.has(hash)) return []
    return [{ invariant: 'I1', about: `${entry.portal}:${entry.dealId}`, what: `webhook ${entry.event ?? ''} of ts ${entry.ts} was answered ${entry.status} (journal ${entry.seq}) and is not in the log` }]
  })
}
