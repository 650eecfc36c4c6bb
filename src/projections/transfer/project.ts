import type { TransferEvent } from '../../domain/transfer/events.ts'

/** One outcome as analysts read it; times in ms. */
export interface TransferRow {
  readonly portal: string
  readonly dealId: string
  readonly offset: bigint
  readonly partition: number
  readonly occurredAt: number
  readonly outcome: 'succeeded' | 'skipped' | 'parked' | 'deferred' | 'unknown' | 'superseded'
  readonly action: string | null
  readonly target: string
  readonly targetDealId: string | null
  readonly attemptNo: number
  readonly epoch: number
  readonly coveredCount: number
  readonly signalledAt: number
  readonly landMs: number | null
  readonly tries: number | null
  readonly durationMs: number | null
  readonly mappingVersion: number | null
  readonly stage: string | null
  readonly title: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly correlationId: string
}

const OUTCOMES = {
  TransferSucceeded: 'succeeded', TransferSkipped: 'skipped', TransferParked: 'parked',
  TransferDeferred: 'deferred', TransferOutcomeUnknown: 'unknown', TransferSuperseded: 'superseded'
} as const

/** The row of an outcome that readers keep. */
export function transferRow (event: TransferEvent, at: { readonly partition: number, readonly offset: bigint }): TransferRow {
  const success = event.type === 'TransferSucceeded' ? event : null
  return {
    portal: event.portal, dealId: event.dealId, offset: at.offset, partition: at.partition,
    occurredAt: event.occurredAt, outcome: OUTCOMES[event.type], action: success?.action ?? null, target: event.target,
    targetDealId: 'targetDealId' in event ? event.targetDealId : null,
    attemptNo: event.attemptNo, epoch: event.epoch, coveredCount: event.coveredCount, signalledAt: event.signalledAt,
    landMs: success === null ? null : Math.max(0, success.occurredAt - success.signalledAt),
    tries: 'tries' in event ? event.tries : null,
    durationMs: success?.durationMs ?? null, mappingVersion: success?.mappingVersion ?? null,
    stage: 'stage' in event && event.snapshot !== '' ? event.stage : null,
    title: 'title' in event && event.snapshot !== '' ? event.title : null,
    reason: 'reason' in event ? event.reason : null,
    detail: 'detail' in event ? event.detail : null,
    correlationId: event.correlationId
  }
}
