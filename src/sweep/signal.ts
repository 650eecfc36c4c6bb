import { createHash } from 'node:crypto'
import type { DealChangeSignalled, SignalChannel, SignalKind } from '../domain/signal/signal.ts'
import { now, uuidv7 } from '../platform/clock.ts'

/** What the sweep found: `modified` is the time as the portal wrote it, empty for a deal that is gone. */
export interface Finding { readonly portal: string, readonly dealId: string, readonly kind: SignalKind, readonly channel: Extract<SignalChannel, 'sweep' | 'backfill'>, readonly modified: string }

/** The signal of a finding. Nothing of the deal but its id and time goes with it: the state is always read back. */
export function signalFor (finding: Finding): DealChangeSignalled {
  const { portal, dealId, kind, channel, modified } = finding
  const at = now()
  return {
    type: 'DealChangeSignalled', eventId: uuidv7(), correlationId: uuidv7(), causationId: null, occurredAt: at, receivedAt: at, portal, dealId, kind, channel,
    payload: JSON.stringify({ DATE_MODIFY: modified === '' ? undefined : modified }),
    payloadHash: createHash('sha256').update(`${portal}\n${channel}-${kind}\n${dealId}\n${modified}`).digest('hex'),
    repeat: false
  }
}
