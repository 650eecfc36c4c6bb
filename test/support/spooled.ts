import type { DealChangeSignalled } from '../../src/domain/signal/signal.ts'

/** A signal of `dealId` that carries its number among the signals of that deal. */
export function spooled (dealId: string, number: number): DealChangeSignalled {
  return {
    type: 'DealChangeSignalled', eventId: `${dealId}-${number}`, correlationId: 'c', causationId: null, occurredAt: number, receivedAt: number, portal: 'acme', dealId,
    kind: 'updated', channel: 'webhook', payload: '{}', payloadHash: String(number), repeat: false
  }
}
