/** A value of a deal's field as JSON; money is always a decimal string. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Fields by Bitrix24's own UPPER-case names. */
export type Fields = Readonly<Record<string, Json>>

/** How a record that dealbridge did not make is recognised; our own ORIGIN pair always comes first. */
export type MatchRule = 'origin' | 'phone' | 'email' | 'title'

/** How contacts or companies are carried (contract 3): source field to target field; PHONE, EMAIL, WEB and IM are lists of values. */
export interface CarriedRule { readonly carry: true, readonly match: readonly MatchRule[], readonly fields: Readonly<Record<string, string>> }

/** A kind of records that is not carried needs no more said. */
export type Carried = { readonly carry: false } | CarriedRule

/** The rules of one route (contract 3, mapping file). */
export interface Mapping {
  readonly version: number
  readonly target_category: number
  readonly stages: Readonly<Record<string, string>>
  readonly unmapped_stage: 'park' | 'keep' | 'skip'
  readonly fields: Readonly<Record<string, string>>
  readonly on_delete: 'ignore' | 'close' | 'delete'
  readonly on_target_missing: 'park' | 'recreate'
  readonly contacts?: Carried | undefined
  readonly companies?: Carried | undefined
}

/** Values of the computed fields, worked out before: the domain reads no clock and runs no expression. */
export interface Computed { readonly always: Fields, readonly created: Fields }

/** What the mapping makes of a source deal: fields to send, or a reason why nothing is sent. */
export type Mapped =
  | { readonly kind: 'fields', readonly fields: Fields, readonly createdOnly: Fields }
  | { readonly kind: 'no', readonly end: 'skip' | 'park', readonly reason: string, readonly detail: string }

/** The fields of the target that a mapping writes of its own, contacts and companies left out: those that an operator may edit. */
export function writtenBy (mapping: Mapping, computed: readonly string[]): string[] {
  return [...new Set(['STAGE_ID', 'CATEGORY_ID', ...Object.values(mapping.fields), ...computed])]
}

/**
 * Maps a source deal to the target's fields. A field that the source deal lacks is sent empty, so that what was
 * cleared in the source is cleared in the target. A sum, copied or computed, goes with IS_MANUAL_OPPORTUNITY=Y: the target would
 * otherwise compute it anew from its product rows and overwrite ours (vendor page: crm.item.add, isManualOpportunity). `edited` values take the place of all others, that of a
 * stage without a line, too.
 */
export function mapDeal (mapping: Mapping, deal: Fields, computed: Computed, edited: Readonly<Record<string, string>> = {}): Mapped {
  const stage = typeof deal['STAGE_ID'] === 'string' ? deal['STAGE_ID'] : ''
  const mappedStage = edited['STAGE_ID'] ?? (Object.hasOwn(mapping.stages, stage) ? mapping.stages[stage] : undefined)
  if (mappedStage === undefined && mapping.unmapped_stage !== 'keep') {
    return {
      kind: 'no',
      end: mapping.unmapped_stage,
      reason: 'stage_unmapped',
      detail: `The stage ${stage} has no line under "stages" in the mapping. Add one, then ask for the transfer again.`
    }
  }
  const staged = mappedStage === undefined ? {} : { STAGE_ID: mappedStage }
  const copied = Object.fromEntries(Object.entries(mapping.fields).map(([from, to]) => [to, (Object.hasOwn(deal, from) ? deal[from] : null) ?? '']))
  const fields = { CATEGORY_ID: mapping.target_category, ...staged, ...copied, ...computed.always, ...edited }
  return { kind: 'fields', fields: withManualSum(fields), createdOnly: withManualSum(without(computed.created, edited)) }
}

function without (fields: Fields, taken: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !Object.hasOwn(taken, name)))
}

function withManualSum (fields: Fields): Fields {
  return Object.hasOwn(fields, 'OPPORTUNITY') ? { ...fields, IS_MANUAL_OPPORTUNITY: 'Y' } : fields
}

/** The stage that closes a deal as lost in the target's funnel: every funnel has it (vendor page: funnels and stages). */
export function lostStage (mapping: Mapping): string {
  return mapping.target_category === 0 ? 'LOSE' : `C${mapping.target_category}:LOSE`
}
