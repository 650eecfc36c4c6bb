import { createHash } from 'node:crypto'
import type { DealChangeSignalled, SignalKind } from '../domain/signal/signal.ts'
import { now, uuidv7 } from '../platform/clock.ts'

/** What the sweep found: `modified` is the time as the portal wrote it, empty for a deal that is gone. */
export interface Finding { readonly portal: string, readonly dealId: string, readonly kind: SignalKind, readonly modified: string }

/** The signal of a finding. Nothing of the deal but its id and time goes with it: the state is always read back. */
export function signalFor (finding: Finding): DealChangeSignalled {
  const { portal, dealId, kind, modified } = finding
  const at = now()
  return {
    type: 'DealChangeSignalled', eventId: uuidv7(), correlationId: uuidv7(), causationId: null, occurredAt: at, receivedAt: at, portal, dealId, kind, channel: 'sweep',
    payload: JSON.stringify({ DATE_MODIFY: modified === '' ? undefined : modified }),
    payloadHash: createHash('sha256').update(`${portal}\nsweep-${kind}\n${dealId}\n${modified}`).digest('hex'),
    repeat: false
  }
}
