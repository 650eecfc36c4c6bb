import { createHash } from 'node:crypto'
import type { Evidence, Finding } from '../rig/evidence.ts'

/** I1: a webhook that was answered 2xx, a portal's or the front's, is in `deal-signals`, known by portal, event, deal and `ts`. To be asked when nothing drains any more. */
export function answeredWebhooks ({ journal, calls, log }: Pick<Evidence, 'journal' | 'calls' | 'log'>): Finding[] {
  const logged = new Set(log.signals.map(signal => signal.payloadHash))
  const answered = [
    ...journal.filter(entry => entry.kind === 'webhook_sent' && entry.dealId !== undefined && entry.ts !== undefined).map(entry => ({ ...entry, from: `journal ${entry.seq}` })),
    ...calls.filter(({ status }) => status >= 200 && status <= 299).map(call => ({ ...call, from: 'the front' }))
  ]
  return answered.flatMap(({ portal, event = '', dealId, ts, status, from }) => {
    const hash = createHash('sha256').update(`${portal}\n${event}\n${dealId}\n${ts}`).digest('hex')
    return logged.has(hash) ? [] : [{ invariant: 'I1', about: `${portal}:${dealId}`, what: `webhook ${event} of ts ${ts} was answered ${status} (${from}) and is not in the log` }]
  })
}
