import type { PortalSettings } from './config.ts'
import type { FieldDef } from './field-table.ts'
import { shownFile, shownOldFile } from './file-field.ts'
import { MULTIFIELD_TYPES, toOld } from './multifields.ts'
import { asText } from './text.ts'
import { dateInZone, isoInZone } from './zone.ts'
import type { Record_ } from './params.ts'

/** Which fields are shown and under which custom names; `select` is absent where a method has none. */
export interface View { original: boolean, select?: unknown[] | undefined }

/** The name under which the universal family knows a field. */
export const universalName = (def: FieldDef, original: boolean): string => original && def.custom !== undefined ? def.name : def.camel

/** A record as the universal family shows it; `fm` is in a list only with `select: ["*"]`. */
export function showItem (record: Record_, defs: FieldDef[], { settings, view, list }: { settings: PortalSettings, view: View, list: boolean }): Record_ {
  const select = (view.select ?? []).map(asText)
  const all = select.length === 0 || select.includes('*')
  const shown = defs.filter((def) => {
    if (def.type === 'multifield') return !list || select.includes('*')
    return all || def.name === 'ID' || select.includes(universalName(def, view.original)) || (def.custom !== undefined && select.some(name => /^(UF_|ufCrm)\*$/.test(name)))
  })
  return Object.fromEntries(shown.map(def => [universalName(def, view.original), def.name === 'SEARCH_CONTENT' ? searchContent(record) : newValue(def, record[def.name], settings)]))
}

/** What the portal's own search looks in: personal data in capitals. */
const searchContent = (record: Record_): string => ['ID', 'TITLE', 'NAME', 'LAST_NAME', 'COMMENTS'].map(name => asText(record[name])).filter(text => text !== '').join(' ').toUpperCase()

function newValue (def: FieldDef, value: unknown, settings: PortalSettings): unknown {
  if (Array.isArray(value) && def.type !== 'multifield') return value.map(each => newValue(def, each, settings))
  if (def.type === 'datetime') return typeof value === 'number' ? isoInZone(value, settings.zone) : null
  if (def.type === 'date') return typeof value === 'string' ? dateInZone(value, settings.zone) : null
  if (value === undefined || value === null) return def.multiple ? [] : null
  return def.type === 'file' ? shownFile(value, settings) : value
}

/** What the old family never shows. */
const HIDDEN = new Set(['CONTACT_IDS', 'OBSERVERS', 'SEARCH_CONTENT'])

/** A record as the old family shows it: UPPER-case names, every scalar a text or null. */
export function showOld (record: Record_, defs: FieldDef[], { settings, select }: { settings: PortalSettings, select?: unknown[] | undefined }): Record_ {
  const asked = (select ?? []).map(asText)
  const some = select !== undefined
  const all = asked.length === 0 || asked.includes('*')
  const out: Record_ = {}
  for (const def of defs) {
    if (HIDDEN.has(def.name)) continue
    if (def.type === 'multifield') { Object.assign(out, oldMultifields(record[def.name], some ? asked : undefined)); continue }
    const wanted = def.name === 'ID' || asked.includes(def.name) || (def.custom === undefined ? all : !some || asked.includes('UF_*'))
    if (wanted) out[def.name] = oldValue(def, record[def.name], settings)
  }
  return out
}

/** Lists show a kind of multi-field only when its name is asked for; a kind without values is absent. */
function oldMultifields (values: unknown, asked: string[] | undefined): Record_ {
  const out: Record_ = {}
  for (const typeId of MULTIFIELD_TYPES) {
    const own = toOld(values, typeId)
    if (typeId === 'PHONE' || typeId === 'EMAIL') out[`HAS_${typeId}`] = own.length > 0 ? 'Y' : 'N'
    if (own.length > 0 && (asked === undefined || asked.includes(typeId))) out[typeId] = own
  }
  return out
}

function oldValue (def: FieldDef, value: unknown, settings: PortalSettings): unknown {
  if (Array.isArray(value)) return value.length === 0 ? false : value.map(each => oldValue({ ...def, multiple: false }, each, settings))
  if (def.multiple) return false
  if (value === undefined || value === null) return null
  if (def.type === 'file') return shownOldFile(value, settings)
  if (def.type === 'double' && def.custom === undefined) return Number(value).toFixed(2)
  if (def.type === 'boolean' && settings.switches.old_boolean === '10') return value === 'Y' ? '1' : '0'
  return asText(newValue(def, value, settings))
}
