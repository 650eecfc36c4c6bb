import type { CarriedLink } from '../mapping/carried.ts'
import type { EventHead } from '../signal/signal.ts'

/**
 * What every outcome carries.
 *
 * `attemptNo` rises by one with each attempt on a deal and never repeats, `epoch` is that of the dispatcher's lease:
 * readers keep the first outcome of an attempt and leave out an older epoch than the deal has seen.
 * `coveredOffset` is the offset in `deal-signals` of the last signal that this attempt saw before it began to read,
 * `coveredCount` the number of this deal's signals up to that offset. Signals beyond `coveredCount` are open.
 * `signalledAt` is when the oldest of the covered, not yet ended signals was received (ms).
 */
export interface OutcomeHead extends EventHead {
  readonly attemptId: string
  readonly attemptNo: number
  readonly epoch: number
  readonly coveredOffset: bigint
  readonly coveredCount: number
  readonly signalledAt: number
  readonly target: string
}

/** The source deal as it was read; empty strings where nothing could be read. `snapshot` is JSON with UPPER-case names. */
export interface SourceState {
  readonly snapshot: string
  readonly sourceModifiedAt: number | null
  readonly sourceHash: string
  readonly title: string
  readonly stage: string
}

export type TransferAction = 'created' | 'updated' | 'unchanged' | 'deleted'

/**
 * The target deal stands in the mapped state. `writtenFields` is JSON of what was sent, `{}` for `unchanged`. `carried`: the
 * contacts and companies it is bound to; empty, or absent before it is written, when the mapping carries none.
 */
export interface TransferSucceeded extends OutcomeHead, SourceState {
  readonly type: 'TransferSucceeded'
  readonly action: TransferAction
  readonly targetDealId: string
  readonly writtenFields: string
  readonly mappingVersion: number
  readonly tries: number
  readonly durationMs: number
  readonly carried?: readonly CarriedLink[]
}

/** Nothing to do by the rules: `reason` is a code of docs/reference/reasons.md, `source_deleted` for a deal that is gone. */
export interface TransferSkipped extends OutcomeHead, SourceState {
  readonly type: 'TransferSkipped'
  readonly reason: string
  readonly targetDealId: string | null
}

/** The attempt failed and another follows by itself at `nextTryAt`. Not an end. */
export interface TransferDeferred extends OutcomeHead {
  readonly type: 'TransferDeferred'
  readonly errorClass: string
  readonly reason: string
  readonly detail: string
  readonly tries: number
  readonly nextTryAt: number
}

/** The deal waits for a person, or for its next signal. `detail` says in plain words what is wrong and what to do. */
export interface TransferParked extends OutcomeHead, SourceState {
  readonly type: 'TransferParked'
  readonly reason: string
  readonly detail: string
  readonly targetDealId: string | null
  readonly tries: number
}

/** A request left and its effect is not known; the deal is looked up after the portal's longest request. Not an end. */
export interface TransferOutcomeUnknown extends OutcomeHead {
  readonly type: 'TransferOutcomeUnknown'
  readonly reason: string
  readonly lookUpAt: number
}

/** A look-up found that the attempt had no lasting effect; the deal is transferred again. Not an end. */
export interface TransferSuperseded extends OutcomeHead {
  readonly type: 'TransferSuperseded'
  readonly reason: string
  readonly targetDealId: string | null
}

export type TransferEvent =
  | TransferSucceeded | TransferSkipped | TransferDeferred | TransferParked | TransferOutcomeUnknown | TransferSuperseded
