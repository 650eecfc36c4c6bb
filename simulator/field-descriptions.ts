import type { FieldDef } from './field-table.ts'

const TYPES: Readonly<Record<string, string>> = { stage: 'crm_status', category: 'crm_category', currency: 'crm_currency', multifield: 'crm_multifield', text: 'string' }
const LINKS: Readonly<Record<string, string>> = { COMPANY_ID: 'crm_company', CONTACT_ID: 'crm_contact', CONTACT_IDS: 'crm_contact', LEAD_ID: 'crm_lead', QUOTE_ID: 'crm_quote', OBSERVERS: 'user' }
const STATUSES: Readonly<Record<string, string>> = { TYPE_ID: 'DEAL_TYPE', SOURCE_ID: 'SOURCE', COMPANY_TYPE: 'COMPANY_TYPE', INDUSTRY: 'INDUSTRY', EMPLOYEES: 'EMPLOYEES' }

/** A field's type as a portal names it. */
function typeName (def: FieldDef): string {
  if (def.type === 'link' || def.type === 'links') return LINKS[def.name] ?? 'crm_entity'
  return TYPES[def.type] ?? def.type
}

function common (def: FieldDef): Record<string, unknown> {
  return {
    type: typeName(def), isRequired: def.custom?.mandatory === true, isReadOnly: def.write === '', isImmutable: false, isMultiple: def.multiple, isDynamic: def.custom !== undefined,
    ...(def.type === 'crm_status' && STATUSES[def.name] !== undefined ? { statusType: STATUSES[def.name] } : {}),
    ...(def.custom?.list === undefined ? {} : { items: def.custom.list.map(option => ({ ID: String(option.ID), VALUE: option.VALUE })) })
  }
}

/** A field as `crm.item.fields` describes it. */
export const describeUniversal = (def: FieldDef): Record<string, unknown> => ({ ...common(def), title: def.custom?.title ?? def.name, upperName: def.name })

/** A field as `crm.deal.fields` and its kin describe it; a funnel cannot be changed there. */
export function describeOld (def: FieldDef): Record<string, unknown> {
  const label = def.custom?.title ?? def.name
  return { ...common(def), isReadOnly: def.write === '' || def.write === 'new', isImmutable: def.write === 'Au', title: def.name, ...(def.custom === undefined ? {} : { listLabel: label, formLabel: label, filterLabel: label }) }
}
