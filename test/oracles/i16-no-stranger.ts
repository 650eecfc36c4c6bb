import type { Evidence, Finding } from '../rig/evidence.ts'

/** I16: a webhook with wrong credentials is answered 401 or 403, or by nobody where the way is broken, and leaves no event. */
export function noStranger ({ strangers, log }: Pick<Evidence, 'strangers' | 'log'>): Finding[] {
  const logged = new Set(log.signals.map(signal => signal.dealId))
  return strangers.flatMap(({ what, dealId, status }) => [
    ...[0, 401, 403].includes(status) ? [] : [{ invariant: 'I16', about: `webhook for ${dealId}`, what: `came with ${what} and was answered ${status}` }],
    ...logged.has(dealId) ? [{ invariant: 'I16', about: `webhook for ${dealId}`, what: `came with ${what} and is in the log` }] : []
  ])
}
