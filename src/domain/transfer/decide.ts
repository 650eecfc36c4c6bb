import { lostStage } from '../mapping/mapping.ts'
import { ORIGINATOR } from '../shared/ids.ts'
import type { Standing } from '../signal/order.ts'
import type { Fields, Mapped, Mapping } from '../mapping/mapping.ts'

/** What the source portal said about a deal. */
export type SourceRead =
  | { readonly kind: 'found', readonly deal: Fields }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'unreadable', readonly detail: string }

/** What to do with one deal. `create` is only ever sent after a look-up by ORIGIN pair. */
export type Decision =
  | { readonly kind: 'create', readonly fields: Fields, readonly createdOnly: Fields }
  | { readonly kind: 'update', readonly link: string, readonly fields: Fields }
  | { readonly kind: 'delete', readonly link: string }
  | { readonly kind: 'unchanged', readonly link: string }
  | { readonly kind: 'skip', readonly reason: string, readonly detail: string }
  | { readonly kind: 'park', readonly reason: string, readonly detail: string }

/** Everything a decision may depend on. `fieldsHash` is over the mapped fields, `writtenHash` the last one that surely stands. */
export interface Situation {
  readonly source: SourceRead
  readonly mapping: Mapping
  readonly mapped: Mapped | null
  readonly fieldsHash: string
  readonly writtenHash: string | null
  readonly link: string | null
}

/** Decides for one deal; always answers, a "no" is an answer with a reason. */
export function decide (situation: Situation): Decision {
  const { source, mapped, link } = situation
  if (source.kind === 'deleted') return decideDeleted(situation)
  if (source.kind === 'unreadable') return { kind: 'park', reason: 'source_unreadable', detail: source.detail }
  if (source.deal['ORIGINATOR_ID'] === ORIGINATOR) return { kind: 'skip', reason: 'own_deal', detail: 'This deal was made by dealbridge; it is not carried on.' }
  if (mapped === null) return { kind: 'park', reason: 'mapping_failed', detail: 'The mapping gave no result for this deal.' }
  if (mapped.kind === 'no') return { kind: mapped.end, reason: mapped.reason, detail: mapped.detail }
  if (link === null) return { kind: 'create', fields: mapped.fields, createdOnly: mapped.createdOnly }
  if (situation.fieldsHash === situation.writtenHash) return { kind: 'unchanged', link }
  return { kind: 'update', link, fields: mapped.fields }
}

/** What an operator's order makes of a deal, whatever it holds now. */
export function decideOrdered (standing: NonNullable<Standing>): Extract<Decision, { kind: 'skip' | 'park' }> {
  if (standing === 'skipped') return { kind: 'skip', reason: 'operator_skip', detail: 'An operator let this deal be; its next change is transferred as usual.' }
  return { kind: 'park', reason: 'operator_hold', detail: 'An operator holds this deal: not even its next change is transferred until it is released.' }
}

function decideDeleted ({ mapping, link, fieldsHash, writtenHash }: Situation): Decision {
  const gone = { kind: 'skip', reason: 'source_deleted', detail: 'The deal was deleted in its source portal.' } as const
  if (link === null || mapping.on_delete === 'ignore') return gone
  if (mapping.on_delete === 'delete') return { kind: 'delete', link }
  if (fieldsHash === writtenHash) return { kind: 'unchanged', link }
  return { kind: 'update', link, fields: closingFields(mapping) }
}

/** What a deal deleted in its source gets in the target under `on_delete: close`. */
export function closingFields (mapping: Mapping): Fields {
  return { CATEGORY_ID: mapping.target_category, STAGE_ID: lostStage(mapping) }
}
