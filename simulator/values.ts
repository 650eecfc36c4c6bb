import { bbCode } from './bb-code.ts'
import type { PortalSettings } from './config.ts'
import type { FieldDef } from './field-table.ts'
import { storedFile } from './file-field.ts'
import { writtenMultifields } from './multifields.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'
import { parseDay, parseInstant } from './zone.ts'

/** What a value needs to be stored: the value before, and ids for what gets one of its own (files, addresses, telephones). */
export interface Saving { settings: PortalSettings, before: unknown, nextId: (kind: string) => number }

const invalid = (def: FieldDef): RestError => new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', `Invalid value for field "${def.name}"`)
const isEmpty = (value: unknown): boolean => value === '' || value === null || value === undefined || value === false

/** A written value as the portal keeps it. Throws when the portal refuses it. */
export function storedValue (def: FieldDef, value: unknown, saving: Saving): unknown {
  if (def.type === 'multifield') return writtenMultifields(value, saving.before, () => saving.nextId('fm'))
  if (!def.multiple) return one(def, value, saving)
  if (!isEmpty(value) && typeof value !== 'object') throw new RestError('100', `Expected iterable value for multiple field, but got \`${phpType(value)}\` instead`)
  const list: unknown[] = isEmpty(value) ? [] : Object.values(value as object)
  // An empty list is accepted for a multiple enumeration, and its values stay.
  if (def.type === 'enumeration' && list.length === 0 && Array.isArray(value)) return saving.before ?? []
  const before = Array.isArray(saving.before) ? saving.before : []
  return list.filter(item => !isEmpty(item)).map((item, i) => one(def, item, { ...saving, before: def.type === 'file' ? before : before[i] as unknown })).filter(item => item !== null)
}

function one (def: FieldDef, value: unknown, saving: Saving): unknown {
  const { settings } = saving
  switch (def.type) {
    case 'double': case 'integer': case 'employee': return number(def, value)
    case 'user': case 'link': case 'links': case 'category': return Math.trunc(Number(value) || 0)
    case 'currency': if (!settings.currencies.includes(asText(value))) throw new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', 'Invalid value for the "Currency" field'); return asText(value)
    case 'date': return isEmpty(value) ? null : parseDay(asText(value)) ?? refuse(def)
    case 'datetime': return isEmpty(value) ? null : parseInstant(asText(value), settings.zone) ?? refuse(def)
    case 'enumeration': return isEmpty(value) ? null : option(def, value)
    case 'boolean': return isEmpty(value) ? value === false ? 'N' : null : flag(value)
    case 'char': return flag(value)
    case 'money': return money(def, asText(value))
    case 'address': return address(asText(value), saving)
    case 'file': return storedFile(value, saving.before, () => saving.nextId('file'))
    case 'text': return bbCode(asText(value))
    case 'string': case 'url': case 'crm': case 'crm_status': case 'stage': case 'multifield': return value === null ? null : asText(value)
  }
}

function refuse (def: FieldDef): never {
  throw invalid(def)
}

const flag = (value: unknown): string => ['Y', '1', 'true'].includes(asText(value)) ? 'Y' : 'N'

function number (def: FieldDef, value: unknown): number | null {
  if (isEmpty(value)) return def.custom === undefined ? 0 : null
  const read = Number(value)
  if (Number.isNaN(read)) return def.custom === undefined ? 0 : refuse(def)
  return def.type === 'double' ? read : Math.trunc(read)
}

function option (def: FieldDef, value: unknown): number | null {
  const id = Number(value)
  if (id === 0) return null
  return def.custom?.list?.some(each => each.ID === id) === true ? id : refuse(def)
}

/** `1234.56|RUB`; the currency is not looked at, an empty sum clears. */
function money (def: FieldDef, text: string): string | null {
  const [sum = '', currency = ''] = text.split('|')
  if (sum === '') return null
  return /^-?\d+(\.\d+)?$/.test(sum) && /^[A-Z]{3}$/.test(currency) ? `${sum}|${currency}` : refuse(def)
}

/** `text|lat;lng|id`: the id is the portal's own, so a written one is not taken over. */
function address (text: string, { before, nextId }: Saving): string | null {
  const [words = '', place = ';'] = text.split('|')
  if (words === '') return null
  return typeof before === 'string' && before.split('|')[0] === words ? before : `${words}|${place}|${nextId('address')}`
}

function phpType (value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
