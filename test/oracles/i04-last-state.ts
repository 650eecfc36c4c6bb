import type { Evidence, Finding, PortalDeal } from '../rig/evidence.ts'
import { heldDeals, ordersOf } from './orders.ts'

// The rig's mapping once more, written down apart from the product's: mapping/partner.yaml.
const STAGES: Readonly<Record<string, string>> = {
  'C1:NEW': 'NEW', 'C1:PREPARATION': 'PREPARATION', 'C1:PREPAYMENT_INVOICE': 'PREPAYMENT', 'C1:EXECUTING': 'EXECUTING',
  'C1:FINAL_INVOICE': 'FINAL', 'C1:WON': 'WON', 'C1:LOSE': 'LOSE'
}
const FIELDS = [['TITLE', 'TITLE'], ['CURRENCY_ID', 'CURRENCY_ID'], ['UF_CRM_SOURCE_ID', 'UF_CRM_PARTNER_ID'], ['UF_CRM_CONTRACT', 'UF_CRM_ESB_CONTRACT']] as const
const CLOSED = 'LOSE'

const text = (value: unknown): string => typeof value === 'string' || typeof value === 'number' ? String(value) : ''

/** Whether the mapping knows the stage of a source deal; if not it is parked, and the target stays as it was. */
export function isMapped (deal: PortalDeal): boolean {
  return text(deal['STAGE_ID']) in STAGES
}

/**
 * I4: each source deal has one copy that stands in the mapped last state; a deleted one has a closed copy, or none when it
 * never got there. A deal in a stage that the mapping does not know must be parked, or let be by an operator's order (skip).
 * Of a deal that an operator holds nothing is asked here.
 */
export function lastState (evidence: Pick<Evidence, 'sourceDeals' | 'targetDeals' | 'sourceSaves' | 'tables' | 'log'>): Finding[] {
  const copies = Map.groupBy(evidence.targetDeals, deal => text(deal['ORIGIN_ID']))
  const states = new Map(evidence.tables.deals.map(row => [`${row.portal}:${row.deal_id}`, row.state]))
  const alive = [...evidence.sourceDeals].flatMap(([portal, deals]) => deals.map((deal): [string, PortalDeal] => [`${portal}:${text(deal['ID'])}`, deal]))
  const known = new Set(alive.map(([key]) => key))
  const held = heldDeals(evidence.log)
  const letBe = new Set([...ordersOf(evidence.log)].filter(([, orders]) => orders.some(each => each.order === 'skip')).map(([key]) => key))
  const gone = [...new Set(evidence.sourceSaves.filter(save => save.isDeletion).map(save => `${save.portal}:${save.dealId}`))].filter(key => !known.has(key))
  return [
    ...alive.filter(([key]) => !held.has(key)).flatMap(([key, deal]) => differences(key, deal, { copies: copies.get(key) ?? [], state: states.get(key), mayBeSkipped: letBe.has(key) })),
    ...gone.filter(key => !held.has(key) && (copies.get(key) ?? []).some(copy => copy['STAGE_ID'] !== CLOSED)).map(key => finding(key, 'was deleted, and its copy is not closed'))
  ]
}

function differences (key: string, deal: PortalDeal, found: { copies: readonly PortalDeal[], state: string | undefined, mayBeSkipped: boolean }): Finding[] {
  if (!isMapped(deal)) return found.state === 'parked' || (found.state === 'skipped' && found.mayBeSkipped) ? [] : [finding(key, `stands in ${text(deal['STAGE_ID'])}, which is not mapped, and is ${found.state ?? 'not known'} instead of parked`)]
  const copy = found.copies[0]
  if (copy === undefined) return [finding(key, `has no copy in the target; it is ${found.state ?? 'not known'}`)]
  if (found.copies.length > 1) return [finding(key, `has ${found.copies.length} copies in the target`)]
  const wrong = FIELDS.filter(([from, to]) => text(deal[from]) !== text(copy[to])).map(([from, to]) => `${to} is ${text(copy[to])}, not ${text(deal[from])}`)
  if (Number(text(deal['OPPORTUNITY'])) !== Number(text(copy['OPPORTUNITY']))) wrong.push(`OPPORTUNITY is ${text(copy['OPPORTUNITY'])}, not ${text(deal['OPPORTUNITY'])}`)
  if (copy['STAGE_ID'] !== STAGES[text(deal['STAGE_ID'])]) wrong.push(`STAGE_ID is ${text(copy['STAGE_ID'])}, not ${STAGES[text(deal['STAGE_ID'])] ?? ''}`)
  return wrong.map(what => finding(key, what))
}

function finding (about: string, what: string): Finding {
  return { invariant: 'I4', about, what }
}
