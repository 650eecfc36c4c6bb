import type { PortalSettings } from './config.ts'
import { totals } from './product-row.ts'
import type { ProductRow } from './product-row.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'
import { isoInZone } from './zone.ts'
import type { Record_ } from './params.ts'

const DAY_MS = 86_400_000
const FAILURES = ['LOSE', 'APOLOGY']

/** `S` won, `F` lost, `P` in work: what kind of stage this is. */
export function semanticsOf (stage: string): 'P' | 'S' | 'F' {
  const bare = stage.replace(/^C\d+:/, '')
  return bare === 'WON' ? 'S' : FAILURES.includes(bare) ? 'F' : 'P'
}

/** Is the stage one of the funnel's? */
export const isStageOf = (settings: PortalSettings, category: unknown, stage: unknown): boolean =>
  settings.funnels.find(f => f.id === Number(category))?.stages.includes(asText(stage)) === true

/** A new deal before anything is written to it; its days count in the portal's zone. */
export function dealDefaults (id: number, settings: PortalSettings, now: number): Record_ {
  const day = (at: number): string => isoInZone(at, settings.zone).slice(0, 10)
  return {
    TITLE: `Deal #${id}`, TYPE_ID: settings.types[0] ?? 'SALE', CATEGORY_ID: 0, CURRENCY_ID: settings.currencies[0] ?? 'RUB', OPPORTUNITY: 0,
    IS_MANUAL_OPPORTUNITY: 'N', TAX_VALUE: 0, COMPANY_ID: 0, CONTACT_ID: 0, CONTACT_IDS: [], SOURCE_ID: '', SOURCE_DESCRIPTION: '',
    BEGINDATE: day(now), CLOSEDATE: day(now + 7 * DAY_MS), IS_NEW: 'Y', IS_RECURRING: 'N', IS_RETURN_CUSTOMER: 'N', IS_REPEATED_APPROACH: 'N'
  }
}

/** Settles what follows from what was written: stage, flags of the stage, contacts, the sum of the rows. */
export function settleDeal (record: Record_, { before, rows, settings, written }: { before: Record_ | undefined, rows: readonly ProductRow[], settings: PortalSettings, written: Record_ }): void {
  settleStage(record, before, settings)
  settleContacts(record, before, written)
  if (asText(record['TITLE']) === '') record['TITLE'] = `Deal #${asText(record['ID'])}`
  // The sum of the rows overwrites what was written, unless the sum is said to be entered by hand.
  if (rows.length > 0 && record['IS_MANUAL_OPPORTUNITY'] !== 'Y') {
    const { sum, tax } = totals(rows)
    Object.assign(record, { OPPORTUNITY: sum, TAX_VALUE: tax })
  }
}

function settleStage (record: Record_, before: Record_ | undefined, settings: PortalSettings): void {
  const funnel = settings.funnels.find(f => f.id === Number(record['CATEGORY_ID'] ?? 0))
  if (funnel === undefined) throw new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', 'Invalid value for field "CATEGORY_ID"')
  const stage = asText(record['STAGE_ID'])
  if (!funnel.stages.includes(stage)) {
    const stays = before !== undefined && before['CATEGORY_ID'] === record['CATEGORY_ID']
    // Silently: in the same funnel nothing moves; on a move the first stage of the same kind takes its place; a new deal begins at the first.
    record['STAGE_ID'] = stays ? before['STAGE_ID'] : (before === undefined ? undefined : funnel.stages.find(each => semanticsOf(each) === semanticsOf(stage))) ?? funnel.stages[0]
  }
  record['STAGE_SEMANTIC_ID'] = semanticsOf(asText(record['STAGE_ID']))
  record['CLOSED'] = record['STAGE_SEMANTIC_ID'] === 'P' ? 'N' : 'Y'
  if (before !== undefined && before['STAGE_ID'] !== record['STAGE_ID']) record['IS_NEW'] = 'N'
}

/** CONTACT_ID is the primary one of CONTACT_IDS, whichever of the two was written. */
function settleContacts (record: Record_, before: Record_ | undefined, written: Record_): void {
  const had = before?.['CONTACT_IDS'] as number[] | undefined ?? []
  const primary = Number(record['CONTACT_ID'] ?? 0)
  let ids = [...new Set((record['CONTACT_IDS'] as number[] | undefined ?? []).filter(id => id > 0))]
  if (Object.hasOwn(written, 'CONTACT_ID') && !Object.hasOwn(written, 'CONTACT_IDS')) {
    const rest = had.filter(id => id !== primary && id !== Number(before?.['CONTACT_ID'] ?? 0))
    ids = primary > 0 ? (had.includes(primary) ? had : [primary, ...rest]) : rest
  }
  record['CONTACT_IDS'] = ids
  record['CONTACT_ID'] = ids.includes(primary) ? primary : ids[0] ?? 0
}
