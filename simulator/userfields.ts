import type { CustomFieldConfig, PortalSettings } from './config.ts'
import { anyCase, asMap } from './params.ts'
import type { Methods, Record_ } from './params.ts'
import { asText } from './text.ts'

/** `crm.deal.userfield.list`: the custom fields of deals, labels only when the filter names a LANG. */
export function userFieldMethods (settings: PortalSettings): Methods {
  const fields = settings.custom_fields.filter(field => (field.entity ?? 'deal') === 'deal')
  return {
    'crm.deal.userfield.list': (params) => {
      const { LANG, ...filter } = asMap(anyCase(params)['filter'])
      const rows = fields.map((field, i) => ({ ...described(field, settings.first_id + i, i), ...(LANG === undefined ? {} : labels(field)) }))
        .filter(row => Object.entries(filter).every(([name, value]) => !Object.hasOwn(row, name) || asText((row)[name]) === asText(value)))
      return { result: rows, total: rows.length }
    }
  }
}

function described (field: CustomFieldConfig, id: number, index: number): Record_ {
  return {
    ID: String(id), ENTITY_ID: 'CRM_DEAL', FIELD_NAME: field.name, USER_TYPE_ID: field.type, XML_ID: null, SORT: String((index + 1) * 100),
    MULTIPLE: field.multiple === true ? 'Y' : 'N', MANDATORY: field.mandatory === true ? 'Y' : 'N', SHOW_FILTER: 'E', SHOW_IN_LIST: 'Y', EDIT_IN_LIST: 'Y', IS_SEARCHABLE: 'N', SETTINGS: [],
    ...(field.list === undefined ? {} : { LIST: field.list.map((option, i) => ({ ID: String(option.ID), SORT: String((i + 1) * 10), VALUE: option.VALUE, DEF: 'N', XML_ID: option.XML_ID ?? '' })) })
  }
}

function labels (field: CustomFieldConfig): Record_ {
  const label = field.title ?? field.name
  return { EDIT_FORM_LABEL: label, LIST_COLUMN_LABEL: label, LIST_FILTER_LABEL: label, ERROR_MESSAGE: null, HELP_MESSAGE: null }
}
