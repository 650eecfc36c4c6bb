import { readEdit } from '../../domain/signal/edit.ts'
import type { DealChangeSignalled } from '../../domain/signal/signal.ts'
import type { TransferEvent } from '../../domain/transfer/events.ts'

/** One thing that happened to a deal; `at` in ms. */
export interface TimelineRow {
  readonly portal: string
  readonly dealId: string
  readonly topic: string
  readonly offset: bigint
  readonly at: number
  readonly type: string
  readonly text: string
  readonly correlationId: string
}

/** The row of a signal or of an outcome that readers keep. */
export function timelineRow (event: DealChangeSignalled | TransferEvent, position: { readonly topic: string, readonly offset: bigint }): TimelineRow {
  return {
    portal: event.portal, dealId: event.dealId, topic: position.topic, offset: position.offset,
    at: event.type === 'DealChangeSignalled' ? event.receivedAt : event.occurredAt,
    type: event.type, text: sentence(event), correlationId: event.correlationId
  }
}

function sentence (event: DealChangeSignalled | TransferEvent): string {
  switch (event.type) {
    case 'DealChangeSignalled': return event.order !== undefined && event.order !== '' ? `An operator ordered: ${event.order}${fieldsOf(event)}.` : `Signal: ${event.kind}, by ${event.channel}${event.repeat ? ', a repeat' : ''}.`
    case 'TransferSucceeded': return succeeded(event.action, event.target, event.targetDealId)
    case 'TransferSkipped': return `Skipped: ${event.reason}.`
    case 'TransferParked': return `Parked: ${event.reason}. ${event.detail}`.trim()
    case 'TransferDeferred': return `Attempt ${event.attemptNo} failed and is tried again: ${event.reason}. ${event.detail}`.trim()
    case 'TransferOutcomeUnknown': return `Attempt ${event.attemptNo} was sent and its effect is not known yet: ${event.reason}.`
    case 'TransferSuperseded': return `Attempt ${event.attemptNo} had no lasting effect, the deal is transferred again: ${event.reason}.`
  }
}

/** Which fields were edited; their values stand in the outcome. */
function fieldsOf (event: DealChangeSignalled): string {
  const edit = readEdit(event.edit ?? '', event.editOf ?? '')
  return edit === null ? '' : ` ${Object.keys(edit.fields).join(', ')}`
}

function succeeded (action: string, target: string, targetDealId: string): string {
  if (action === 'unchanged') return `Deal ${targetDealId} of ${target} stands in the mapped state already.`
  return `Deal ${targetDealId} of ${target} was ${action}.`
}
