import type { TransferEvent, TransferParked, TransferSkipped, TransferSucceeded } from '../../domain/transfer/events.ts'

export type DealStatus = 'none' | 'landed' | 'deleted' | 'skipped' | 'parked' | 'deferred' | 'unknown' | 'superseded'

/** The five ways a signal can end (guarantee G7). */
export type End = 'applied' | 'unchanged' | 'superseded' | 'skipped' | 'parked'

/** What deal-transfers says about a deal; times in ms. `ended` is always the sum of `ends`. */
export interface DealOutcome {
  readonly epoch: number
  readonly lastAttemptNo: number
  readonly lastFinalNo: number
  readonly status: DealStatus
  readonly ended: number
  readonly coveredOffset: bigint
  readonly ends: Readonly<Record<End, number>>
  readonly attempts: number
  readonly signalledAt: number | null
  readonly lastEventAt: number | null
  readonly targetDealId: string | null
  readonly stage: string | null
  readonly title: string | null
  readonly opportunity: string | null
  readonly currency: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly nextTryAt: number | null
  readonly landedAt: number | null
  readonly landMs: number | null
}

export const noOutcome: DealOutcome = {
  epoch: -1, lastAttemptNo: -1, lastFinalNo: -1, status: 'none', ended: 0, coveredOffset: -1n,
  ends: { applied: 0, unchanged: 0, superseded: 0, skipped: 0, parked: 0 }, attempts: 0, signalledAt: null,
  lastEventAt: null, targetDealId: null, stage: null, title: null, opportunity: null, currency: null, reason: null,
  detail: null, nextTryAt: null, landedAt: null, landMs: null
}

/**
 * One outcome more. `kept` is false for what readers leave out: an outcome of an older epoch than the deal has seen,
 * and a second one of an attempt (an unknown outcome is preliminary: its attempt gets a final one later).
 * It reads nothing of deal-signals, so any order between the two topics gives the same row.
 */
export function foldOutcome (deal: DealOutcome, event: TransferEvent): { deal: DealOutcome, kept: boolean } {
  const done = event.type === 'TransferOutcomeUnknown' ? deal.lastAttemptNo : deal.lastFinalNo
  if (event.epoch < deal.epoch) return { deal, kept: false }
  if (event.attemptNo <= done || event.attemptNo <= deal.lastFinalNo) return { deal: { ...deal, epoch: event.epoch }, kept: false }
  return { deal: { ...begun(deal, event), ...changed(deal, event) }, kept: true }
}

function begun (deal: DealOutcome, event: TransferEvent): DealOutcome {
  const isFinal = event.type !== 'TransferOutcomeUnknown'
  return {
    ...deal,
    epoch: event.epoch,
    lastAttemptNo: Math.max(deal.lastAttemptNo, event.attemptNo),
    lastFinalNo: isFinal ? event.attemptNo : deal.lastFinalNo,
    attempts: isEnd(deal.status) ? 1 : deal.attempts + 1,
    signalledAt: Math.max(deal.signalledAt ?? 0, event.signalledAt),
    lastEventAt: event.occurredAt,
    reason: null,
    detail: null,
    nextTryAt: null
  }
}

function changed (deal: DealOutcome, event: TransferEvent): Partial<DealOutcome> {
  switch (event.type) {
    case 'TransferSucceeded': return {
      ...ended(deal, event, event.action === 'unchanged' ? 'unchanged' : 'applied'),
      ...source(event),
      // Nothing could be read of the source only because it is gone: the copy was closed or deleted after it.
      status: event.action === 'deleted' || event.snapshot === '' ? 'deleted' : 'landed',
      targetDealId: event.action === 'deleted' ? null : event.targetDealId,
      landedAt: event.occurredAt,
      landMs: landMs(event)
    }
    case 'TransferSkipped': return {
      ...ended(deal, event, 'skipped'),
      ...source(event),
      status: event.reason === 'source_deleted' ? 'deleted' : 'skipped',
      targetDealId: event.targetDealId ?? deal.targetDealId,
      reason: event.reason
    }
    case 'TransferParked': return {
      ...ended(deal, event, 'parked'),
      ...source(event),
      status: 'parked',
      targetDealId: event.targetDealId ?? deal.targetDealId,
      reason: event.reason,
      detail: event.detail
    }
    case 'TransferDeferred': return { status: 'deferred', reason: event.reason, detail: event.detail, nextTryAt: event.nextTryAt }
    case 'TransferOutcomeUnknown': return { status: 'unknown', reason: event.reason, nextTryAt: event.lookUpAt }
    case 'TransferSuperseded': return { status: 'superseded', reason: event.reason, targetDealId: event.targetDealId ?? deal.targetDealId }
  }
}

/** Milliseconds from the oldest covered signal to the landing; never below zero, whatever two clocks say. */
export function landMs (event: TransferSucceeded): number {
  return Math.max(0, event.occurredAt - event.signalledAt)
}

// The newest signal of the covered ones gets the kind, those it took along are superseded, and so is what was parked
// before. An end that covers nothing new ends nothing; parked again, the deal simply stays parked.
function ended (deal: DealOutcome, event: TransferSucceeded | TransferSkipped | TransferParked, kind: End): Partial<DealOutcome> {
  const newly = Math.max(0, event.coveredCount - deal.ended)
  const coveredOffset = event.coveredOffset > deal.coveredOffset ? event.coveredOffset : deal.coveredOffset
  if (newly === 0 && kind === 'parked') return { coveredOffset }
  const ends = { ...deal.ends, parked: 0, superseded: deal.ends.superseded + deal.ends.parked }
  if (newly > 0) {
    ends.superseded += newly - 1
    ends[kind] += 1
  }
  return { ended: deal.ended + newly, coveredOffset, ends }
}

function isEnd (status: DealStatus): boolean {
  return status === 'landed' || status === 'deleted' || status === 'skipped' || status === 'parked'
}

function source (event: TransferSucceeded | TransferSkipped | TransferParked): Partial<DealOutcome> {
  if (event.snapshot === '') return {}
  const fields = parseObject(event.snapshot)
  const amount = fields.OPPORTUNITY
  const text = typeof amount === 'string' || typeof amount === 'number' ? String(amount) : ''
  return {
    stage: event.stage,
    title: event.title,
    opportunity: /^-?[0-9]{1,18}(\.[0-9]{1,8})?$/.test(text) ? text : null,
    currency: typeof fields.CURRENCY_ID === 'string' && fields.CURRENCY_ID !== '' ? fields.CURRENCY_ID : null
  }
}

function parseObject (json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
  } catch { return {} }
}

/** What a chunk of deal-signals adds to a deal. */
export interface DealSignals { readonly count: number, readonly receivedAt: number }

/** One signal more: a count and the latest time, so that no order matters. */
export function foldSignal (signals: DealSignals | undefined, receivedAt: number): DealSignals {
  return { count: (signals?.count ?? 0) + 1, receivedAt: Math.max(signals?.receivedAt ?? 0, receivedAt) }
}
