import { dealKey } from '../rig/evidence.ts'
import type { LogDump, LoggedOutcome } from '../rig/evidence.ts'

/** What the log says about a deal, told again without the product's code: contract 5 and decision 0002. */
export interface FoldedDeal {
  readonly signals: number
  readonly open: number
  readonly ends: Readonly<Record<'applied' | 'unchanged' | 'superseded' | 'skipped' | 'parked', number>>
  readonly state: string
  readonly targetDealId: string | null
  readonly title: string | null
  readonly stage: string | null
  readonly reason: string | null
}

type Ends = Record<'applied' | 'unchanged' | 'superseded' | 'skipped' | 'parked', number>
interface Running { epoch: number, lastAttempt: number, lastFinal: number, covered: number, ends: Ends, status: string, targetDealId: string | null, title: string | null, stage: string | null, reason: string | null }

/** Folds both topics, per deal in the order of its offsets. */
export function foldLog (log: LogDump): Map<string, FoldedDeal> {
  const outcomes = Map.groupBy(log.outcomes.toSorted((a, b) => Number(a.offset - b.offset)), dealKey)
  const signals = Map.groupBy(log.signals, dealKey)
  return new Map([...new Set([...signals.keys(), ...outcomes.keys()])].map(key => [key, foldDeal(signals.get(key)?.length ?? 0, outcomes.get(key) ?? [])]))
}

function foldDeal (seen: number, outcomes: readonly LoggedOutcome[]): FoldedDeal {
  const deal: Running = { epoch: -1, lastAttempt: -1, lastFinal: -1, covered: 0, ends: { applied: 0, unchanged: 0, superseded: 0, skipped: 0, parked: 0 }, status: 'none', targetDealId: null, title: null, stage: null, reason: null }
  for (const outcome of outcomes) if (counts(deal, outcome)) take(deal, outcome)
  const signals = Math.max(seen, deal.covered)
  const isOpen = seen > deal.covered || deal.status === 'superseded' || deal.status === 'none'
  const state = deal.status === 'unknown' || deal.status === 'deferred' ? deal.status : isOpen ? 'waiting' : deal.status
  return { signals, open: signals - deal.covered, ends: deal.ends, state, targetDealId: deal.targetDealId, title: deal.title, stage: deal.stage, reason: deal.reason }
}

/** The first outcome of an attempt counts, an unknown one until its final one comes, and none of an older epoch. */
function counts (deal: Running, outcome: LoggedOutcome): boolean {
  if (outcome.epoch < deal.epoch) return false
  deal.epoch = outcome.epoch
  return outcome.attemptNo > deal.lastFinal && (outcome.type !== 'TransferOutcomeUnknown' || outcome.attemptNo > deal.lastAttempt)
}

function take (deal: Running, outcome: LoggedOutcome): void {
  deal.lastAttempt = Math.max(deal.lastAttempt, outcome.attemptNo)
  deal.reason = outcome.type === 'TransferSucceeded' ? null : outcome.reason ?? null
  if (outcome.type === 'TransferOutcomeUnknown') { deal.status = 'unknown'; return }
  deal.lastFinal = outcome.attemptNo
  if (outcome.type === 'TransferDeferred') { deal.status = 'deferred'; return }
  if (outcome.type === 'TransferSuperseded') { deal.status = 'superseded'; deal.targetDealId = outcome.targetDealId ?? deal.targetDealId; return }
  const isGone = outcome.type === 'TransferSucceeded' ? outcome.action === 'deleted' || outcome.snapshot === '' : outcome.type === 'TransferSkipped' && outcome.reason === 'source_deleted'
  const kind = outcome.type === 'TransferParked' ? 'parked' : outcome.type === 'TransferSkipped' ? 'skipped' : outcome.action === 'unchanged' ? 'unchanged' : 'applied'
  deal.status = isGone ? 'deleted' : outcome.type === 'TransferSucceeded' ? 'landed' : kind
  deal.targetDealId = outcome.action === 'deleted' ? null : outcome.targetDealId ?? deal.targetDealId
  if (outcome.snapshot !== '') { deal.title = outcome.title ?? null; deal.stage = outcome.stage ?? null }
  endSignals(deal, Math.max(0, outcome.coveredCount - deal.covered), kind)
}

/** The newest of the ended signals has the kind, the others were taken along; so was what had been parked. */
function endSignals (deal: Running, count: number, kind: keyof Ends): void {
  if (count === 0 && kind === 'parked') return
  deal.ends.superseded += deal.ends.parked
  deal.ends.parked = 0
  if (count === 0) return
  deal.covered += count
  deal.ends.superseded += count - 1
  deal.ends[kind] += 1
}
