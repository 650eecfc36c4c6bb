import type { CarriedLink } from '../domain/mapping/carried.ts'
import type { Lane } from '../domain/schedule/lane.ts'
import type { Edit } from '../domain/signal/edit.ts'
import type { Standing } from '../domain/signal/order.ts'
import type { OutcomeHead, SourceState } from '../domain/transfer/events.ts'
import type { Version } from '../domain/transfer/version.ts'
import type { Write } from '../bitrix24/write.ts'

/**
 * A claimed deal. `covered…` is what was known of its signals at the claim, before the read begins: a later signal
 * leaves the row dirty. `known` is the highest version ever attempted, `writtenHash` what surely stands in the target.
 */
export interface Claim {
  readonly portal: string
  readonly dealId: string
  readonly target: string
  readonly lane: Lane
  readonly attemptId: string
  readonly attemptNo: number
  readonly coveredOffset: bigint
  readonly coveredCount: number
  readonly signalledAt: number
  readonly correlationId: string
  readonly causationId: string | null
  readonly tries: number
  readonly link: string | null
  readonly writtenHash: string | null
  readonly known: Version | null
  /** An operator's order decides about this deal, and it is not read. Absent in intents of before there were orders. */
  readonly standing?: Standing
  /** What an operator gave in place of the mapping. Absent in intents of before there were edits. */
  readonly edit?: Edit | null
}

/** A claim with what is to be written for it. `fieldsHash` becomes the written hash once the write has succeeded. */
export interface Planned {
  readonly claim: Claim
  readonly write: Write
  readonly state: SourceState
  readonly version: Version
  readonly fieldsHash: string
  readonly mappingVersion: number
  readonly startedAt: number
  /** The records that the write binds the deal to. Absent in intents of before records were carried. */
  readonly carried?: readonly CarriedLink[]
}

/** What an intent keeps in the row, enough to tell the outcome after a crash. Offsets are text: JSON has no bigint. */
export interface KeptIntent {
  readonly planned: Omit<Planned, 'claim'> & { readonly claim: Omit<Claim, 'coveredOffset'> & { readonly coveredOffset: string } }
}

/** An intent left behind, or one whose request got no answer. */
export interface OpenIntent { readonly planned: Planned, readonly status: 'intended' | 'unknown' }

export function keepIntent (planned: Planned): string {
  const kept: KeptIntent = { planned: { ...planned, claim: { ...planned.claim, coveredOffset: planned.claim.coveredOffset.toString() } } }
  return JSON.stringify(kept)
}

export function recallIntent (text: string): Planned {
  const { planned } = JSON.parse(text) as KeptIntent
  return { ...planned, claim: { ...planned.claim, coveredOffset: BigInt(planned.claim.coveredOffset) } }
}

/** The head of every outcome of this claim. */
export function outcomeHead (claim: Claim, ids: { eventId: string, occurredAt: number, epoch: number }): OutcomeHead {
  return {
    ...ids, correlationId: claim.correlationId, causationId: claim.causationId, portal: claim.portal, dealId: claim.dealId,
    attemptId: claim.attemptId, attemptNo: claim.attemptNo, coveredOffset: claim.coveredOffset, coveredCount: claim.coveredCount,
    signalledAt: claim.signalledAt, target: claim.target
  }
}
