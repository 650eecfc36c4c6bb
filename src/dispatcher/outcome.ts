import { sentFields } from '../bitrix24/write.ts'
import type { CarriedLink } from '../domain/mapping/carried.ts'
import { decideOrdered } from '../domain/transfer/decide.ts'
import type { Decision } from '../domain/transfer/decide.ts'
import type { SourceState, TransferEvent } from '../domain/transfer/events.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { retryDelayMs } from '../domain/transfer/retry-policy.ts'
import type { Version } from '../domain/transfer/version.ts'
import { now, uuidv7 } from '../platform/clock.ts'
import type { Settlement } from './sql/settle.ts'
import { outcomeHead } from './work.ts'
import type { Claim, Planned } from './work.ts'

/** How an attempt ended: what the log is told (null: nothing happened that a reader must know), and how the row settles. */
export interface Outcome { readonly claim: Claim, readonly event: TransferEvent | null, readonly settlement: Settlement }

const head = (claim: Claim, epoch: number): ReturnType<typeof outcomeHead> => outcomeHead(claim, { eventId: uuidv7(), occurredAt: now(), epoch })
const covered = (claim: Claim): { attemptId: string, coveredOffset: bigint, coveredCount: number } =>
  ({ attemptId: claim.attemptId, coveredOffset: claim.coveredOffset, coveredCount: claim.coveredCount })

/** Decisions that need no call: unchanged, skipped, parked. */
export function settledByDecision (claim: Claim, decided: { decision: Extract<Decision, { kind: 'unchanged' | 'skip' | 'park' }>, state: SourceState, version: Version | null, mappingVersion: number, carried?: readonly CarriedLink[] }, epoch: number): Outcome {
  const { decision, state, version } = decided
  const seen = { modifiedAt: version?.modifiedAt ?? null, hash: version?.hash ?? null }
  const keep = { kind: 'end', ...covered(claim), ...seen, link: claim.link, writtenHash: claim.writtenHash } as const
  if (decision.kind === 'unchanged') {
    return {
      claim,
      event: { ...head(claim, epoch), ...state, type: 'TransferSucceeded', action: 'unchanged', targetDealId: decision.link, writtenFields: '{}', mappingVersion: decided.mappingVersion, tries: claim.tries + 1, durationMs: 0, carried: decided.carried ?? [] },
      settlement: { ...keep, status: 'idle', reason: null }
    }
  }
  if (decision.kind === 'skip') {
    return { claim, event: { ...head(claim, epoch), ...state, type: 'TransferSkipped', reason: decision.reason, targetDealId: claim.link }, settlement: { ...keep, status: 'idle', reason: decision.reason } }
  }
  return {
    claim,
    event: { ...head(claim, epoch), ...state, type: 'TransferParked', reason: decision.reason, detail: decision.detail, targetDealId: claim.link, tries: claim.tries + 1 },
    settlement: { ...keep, status: 'parked', reason: decision.reason }
  }
}

const UNREAD: SourceState = { snapshot: '', sourceModifiedAt: null, sourceHash: '', title: '', stage: '' }

/** Nobody wants the deals of this portal: the signal has its end, and the deal is not read. */
export function unrouted (claim: Claim, epoch: number): Outcome {
  const decision = { kind: 'skip', reason: 'no_route', detail: '' } as const
  return settledByDecision(claim, { decision, state: UNREAD, version: null, mappingVersion: 0 }, epoch)
}

/** An operator has decided about this deal: the signal has its end, and the deal is not read. */
export function ordered (claim: Claim, standing: NonNullable<Claim['standing']>, epoch: number): Outcome {
  return settledByDecision(claim, { decision: decideOrdered(standing), state: UNREAD, version: null, mappingVersion: 0 }, epoch)
}

/** The write stands in the target. */
export function succeeded (planned: Planned, targetDealId: string, epoch: number): Outcome {
  const { claim, write, state, version } = planned
  const action = ({ create: 'created', update: 'updated', delete: 'deleted' } as const)[write.kind]
  const seen = state.snapshot === '' ? { modifiedAt: null, hash: null } : { modifiedAt: version.modifiedAt, hash: version.hash }
  return {
    claim,
    event: {
      ...head(claim, epoch), ...state, type: 'TransferSucceeded', action, targetDealId, writtenFields: JSON.stringify(sentFields(write)),
      mappingVersion: planned.mappingVersion, tries: claim.tries + 1, durationMs: Math.max(0, now() - planned.startedAt), carried: planned.carried ?? []
    },
    settlement: { kind: 'end', ...covered(claim), ...seen, status: 'idle', link: write.kind === 'delete' ? null : targetDealId, writtenHash: write.kind === 'delete' ? null : planned.fieldsHash, reason: null }
  }
}

/** A person must look: the deal is parked with a reason in plain words. */
export function parked (planned: Planned, why: { reason: string, detail: string, link: string | null }, epoch: number): Outcome {
  const { claim, state, version } = planned
  const seen = state.snapshot === '' ? { modifiedAt: null, hash: null } : { modifiedAt: version.modifiedAt, hash: version.hash }
  return {
    claim,
    event: { ...head(claim, epoch), ...state, type: 'TransferParked', reason: why.reason, detail: why.detail, targetDealId: why.link, tries: claim.tries + 1 },
    settlement: { kind: 'end', ...covered(claim), ...seen, status: 'parked', link: why.link, writtenHash: null, reason: why.reason }
  }
}

/** The one map from a failure to what follows, for a read and for a write that surely had no effect. */
export function failed (claim: Claim, failure: Failure, epoch: number): Outcome {
  if (failure.class === 'throttled' || failure.class === 'portal') return waitAgain(claim, { delayMs: failure.waitMs ?? 1000, reason: failure.code })
  const tries = claim.tries + 1
  const delayMs = retryDelayMs(claim.tries, Math.random())
  return {
    claim,
    event: { ...head(claim, epoch), type: 'TransferDeferred', errorClass: failure.class, reason: failure.code, detail: failure.detail, tries, nextTryAt: now() + delayMs },
    settlement: { kind: 'again', attemptId: claim.attemptId, status: 'deferred', delayMs, tries, reason: failure.code }
  }
}

/** Back to wait without a word in the log: nothing happened to the deal. */
export function waitAgain (claim: Claim, why: { delayMs: number, reason: string }): Outcome {
  return { claim, event: null, settlement: { kind: 'again', attemptId: claim.attemptId, status: 'waiting', delayMs: why.delayMs, tries: claim.tries, reason: why.reason } }
}

/** The attempt is recorded as lost; the deal is done again. `link`: what the look-up found, null when the target deal is gone. */
export function superseded (planned: Planned, why: { reason: string, link: string | null }, epoch: number): Outcome {
  const { claim } = planned
  return {
    claim,
    event: { ...head(claim, epoch), type: 'TransferSuperseded', reason: why.reason, targetDealId: why.link },
    settlement: { kind: 'again', attemptId: claim.attemptId, status: 'waiting', delayMs: 0, tries: claim.tries, link: why.link, reason: why.reason }
  }
}

/** Says that a request left and nobody knows what it did. */
export function unknownEvent (planned: Planned, why: { reason: string, lookUpAt: number }, epoch: number): TransferEvent {
  return { ...head(planned.claim, epoch), type: 'TransferOutcomeUnknown', reason: why.reason, lookUpAt: why.lookUpAt }
}
