import type { ParkedDeal } from '../../projections/attention/read.ts'
import { messageOf } from '../../platform/logger.ts'

/** "3 deals" and "1 deal". */
export function counted (count: number, one = 'deal'): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}

/** A parked deal on two lines. What a portal wrote is freed of control characters: a title must not steer the terminal. */
export function linesOf (deal: ParkedDeal): string {
  const stage = deal.stage === null ? '' : `, stage ${messageOf(deal.stage)}`
  const why = `${deal.reason ?? 'no reason'}${deal.detail === null || deal.detail === '' ? '' : `: ${messageOf(deal.detail)}`}`
  return `${deal.portal}:${deal.deal_id}  ${messageOf(deal.title ?? '(never read)')}${stage}, since ${deal.since?.toISOString() ?? 'unknown'}\n  ${why}`
}

/** What a person does next with these deals. */
export function nextStep (deals: readonly ParkedDeal[], config: string): string {
  const reasons = new Set(deals.map(deal => deal.reason))
  const [only] = reasons
  const which = reasons.size === 1 && only !== undefined && only !== null ? `--reason ${only}` : '--reason R, or --all'
  return `Correct the cause (docs/reference/reasons.md), then: dealbridge parked release ${which} --yes --config ${config}`
}
