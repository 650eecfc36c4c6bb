import type { CustomFieldConfig, CustomFieldType, PortalSettings } from './config.ts'

/** Deal, contact, company. */
export type EntityType = 2 | 3 | 4
export type FieldType = CustomFieldType | 'text' | 'char' | 'user' | 'link' | 'links' | 'currency' | 'category' | 'stage' | 'multifield'
/** One field: both names, type, and who may write it. `write`: A add, U update in both families, u update in the universal one only. */
export interface FieldDef {
  name: string
  camel: string
  type: FieldType
  write: 'AU' | 'Au' | '' | 'new'
  multiple: boolean
  custom?: CustomFieldConfig
}

type Line = [name: string, type: FieldType, write?: FieldDef['write'], camel?: string]

const shared: Line[] = [
  ['ID', 'integer', ''], ['ASSIGNED_BY_ID', 'user'], ['OPENED', 'char'], ['COMMENTS', 'text'],
  ['CREATED_BY_ID', 'user', '', 'createdBy'], ['DATE_CREATE', 'datetime', '', 'createdTime'], ['DATE_MODIFY', 'datetime', '', 'updatedTime'],
  ['MODIFY_BY_ID', 'user', '', 'updatedBy'], ['LAST_ACTIVITY_TIME', 'datetime', ''], ['LAST_ACTIVITY_BY', 'user', ''],
  ['SOURCE_ID', 'crm_status'], ['SOURCE_DESCRIPTION', 'string'], ['ORIGINATOR_ID', 'string'], ['ORIGIN_ID', 'string'],
  ['UTM_SOURCE', 'string'], ['UTM_MEDIUM', 'string'], ['UTM_CAMPAIGN', 'string'], ['UTM_CONTENT', 'string'], ['UTM_TERM', 'string'],
  ['LEAD_ID', 'link', 'new'], ['OBSERVERS', 'links', 'new'], ['SEARCH_CONTENT', 'string', '']
]
const deal: Line[] = [
  ['TITLE', 'string'], ['TYPE_ID', 'crm_status'], ['CATEGORY_ID', 'category', 'Au'], ['STAGE_ID', 'stage'],
  ['STAGE_SEMANTIC_ID', 'string', ''], ['CURRENCY_ID', 'currency'], ['OPPORTUNITY', 'double'], ['IS_MANUAL_OPPORTUNITY', 'char'],
  ['TAX_VALUE', 'double'], ['PROBABILITY', 'integer'], ['COMPANY_ID', 'link'], ['CONTACT_ID', 'link'], ['CONTACT_IDS', 'links'],
  ['BEGINDATE', 'date'], ['CLOSEDATE', 'date'], ['CLOSED', 'char', ''], ['MOVED_TIME', 'datetime', ''], ['MOVED_BY_ID', 'user', '', 'movedBy'],
  ['ADDITIONAL_INFO', 'string'], ['QUOTE_ID', 'link', 'new'], ['IS_NEW', 'char', ''], ['IS_RECURRING', 'char'],
  ['IS_RETURN_CUSTOMER', 'char'], ['IS_REPEATED_APPROACH', 'char'], ['LOCATION_ID', 'string', ''], ['EVENT_ID', 'string', ''], ['EVENT_DATE', 'datetime', '']
]
const contact: Line[] = [
  ['NAME', 'string'], ['LAST_NAME', 'string'], ['SECOND_NAME', 'string'], ['POST', 'string'], ['BIRTHDATE', 'date'], ['TYPE_ID', 'crm_status'],
  ['COMPANY_ID', 'link'], ['ADDRESS', 'string'], ['ORIGIN_VERSION', 'string'], ['EXPORT', 'char'], ['FM', 'multifield', 'AU', 'fm']
]
const company: Line[] = [
  ['TITLE', 'string'], ['COMPANY_TYPE', 'crm_status', 'AU', 'typeId'], ['INDUSTRY', 'crm_status'], ['EMPLOYEES', 'crm_status'],
  ['CURRENCY_ID', 'currency'], ['REVENUE', 'double'], ['ADDRESS', 'string'], ['ORIGIN_VERSION', 'string'], ['FM', 'multifield', 'AU', 'fm']
]

const ENTITIES = { deal: 2, contact: 3, company: 4 } as const

/** Every field of a type on this portal, links to smart processes and custom ones included. */
export function fieldsOf (settings: PortalSettings, type: EntityType): FieldDef[] {
  const own = type === 2 ? deal : type === 3 ? contact : company
  const parents = settings.smart_processes.map((id): Line => [`PARENT_ID_${id}`, 'link'])
  const standard = [...shared, ...own, ...parents].map(([name, kind, write = 'AU', camel = camelCase(name)]): FieldDef =>
    ({ name, type: kind, write, camel, multiple: kind === 'links' || kind === 'multifield' }))
  const custom = settings.custom_fields.filter(field => ENTITIES[field.entity ?? 'deal'] === type)
  return [...standard, ...custom.map((field): FieldDef =>
    ({ name: field.name, type: field.type, write: 'AU', camel: customCamel(field.name), multiple: field.multiple ?? false, custom: field }))]
}

const camelCase = (name: string): string => name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Custom names follow no simple rule; these are the shapes the documentation shows. */
export function customCamel (name: string): string {
  const rest = name.replace(/^UF_CRM_/, '')
  if (/^\d+$/.test(rest)) return `ufCrm_${rest}`
  const pair = /^(\d+)_(\d+)$/.exec(rest)
  if (pair !== null) return `ufCrm${pair[1]}_${pair[2]}`
  if (/[A-Z]\d/.test(rest)) return `ufCrm_${rest}`
  return camelCase(name)
}
