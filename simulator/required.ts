import type { FieldDef } from './field-table.ts'
import { RestError } from './rest-error.ts'
import type { Record_ } from './params.ts'

/** Throws CRM_FIELD_ERROR_REQUIRED when a mandatory custom field has no value in `fields`. */
export function requireCustomFields (defs: FieldDef[], fields: Record_): void {
  const empty = defs.find(def => def.custom?.mandatory === true && isEmpty(fields[def.name]))
  if (empty !== undefined) throw new RestError('CRM_FIELD_ERROR_REQUIRED', `Field "${empty.custom?.title ?? empty.name}" is required`)
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
