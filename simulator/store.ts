import type { PortalSettings } from './config.ts'
import { fieldsOf } from './field-table.ts'
import type { EntityType, FieldDef } from './field-table.ts'
import { RestError, notFound } from './rest-error.ts'
import { isoInZone, parseDay } from './zone.ts'
import { asText } from './text.ts'

/** A stored record: values by UPPER-case name; times are milliseconds, everything else as a portal keeps it. */
export type Record_ = Record<string, unknown>
export interface Saved { readonly type: EntityType, readonly id: number, readonly record: Record_, readonly changed: string[], readonly kind: 'added' | 'updated' | 'moved' | 'deleted' }

/** The records of one portal with a portal's own rules on a save. */
export interface Store {
  all: (type: EntityType) => Map<number, Record_>
  get: (type: EntityType, id: number) => Record_
  add: (type: EntityType, fields: Record_, by: number) => number
  update: (type: EntityType, id: number, fields: Record_, by: number) => boolean
  remove: (type: EntityType, id: number, by: number) => void
  fields: (type: EntityType) => FieldDef[]
  dump: () => unknown
  load: (state: unknown) => void
}

interface State { next: Record<string, number>, records: Record<string, Record<string, Record_>> }
const ORDER = ['WON', 'LOSE', 'APOLOGY']

export function createStore (settings: PortalSettings, now: () => number, onSave: (saved: Saved) => void): Store {
  const tables = new Map<EntityType, Map<number, Record_>>([[2, new Map()], [3, new Map()], [4, new Map()]])
  const next = new Map<EntityType, number>([[2, settings.first_id], [3, settings.first_id], [4, settings.first_id]])
  const defs = new Map<EntityType, FieldDef[]>(([2, 3, 4] as const).map(type => [type, fieldsOf(settings, type)]))
  const table = (type: EntityType): Map<number, Record_> => tables.get(type) ?? new Map<number, Record_>()
  const second = (): number => Math.floor(now() / 1000) * 1000

  function get (type: EntityType, id: number): Record_ {
    const record = table(type).get(id)
    if (record === undefined) throw notFound()
    return record
  }

  /** The values that a caller may write, as they are stored; unknown and read-only names are left out silently. */
  function writable (type: EntityType, fields: Record_): Record_ {
    const out: Record_ = {}
    for (const def of defs.get(type) ?? []) {
      if (def.write === '' || !Object.hasOwn(fields, def.name)) continue
      out[def.name] = stored(def, fields[def.name], settings)
    }
    return out
  }

  function settleDeal (record: Record_, before: Record_ | undefined): void {
    const funnel = settings.funnels.find(f => f.id === Number(record['CATEGORY_ID'] ?? 0))
    if (funnel === undefined) throw new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', 'Invalid value for field "CATEGORY_ID"')
    const stage = asText(record['STAGE_ID'])
    // A stage that is not in the funnel is replaced silently by the funnel's first (on a move: of the same kind).
    if (!funnel.stages.includes(stage)) record['STAGE_ID'] = before !== undefined && before['CATEGORY_ID'] === record['CATEGORY_ID'] ? before['STAGE_ID'] : funnel.stages[0]
    const bare = String(record['STAGE_ID']).replace(/^C\d+:/, '')
    record['STAGE_SEMANTIC_ID'] = bare === 'WON' ? 'S' : ORDER.includes(bare) ? 'F' : 'P'
    record['CLOSED'] = record['STAGE_SEMANTIC_ID'] === 'P' ? 'N' : 'Y'
    if (record['IS_MANUAL_OPPORTUNITY'] !== 'Y') record['OPPORTUNITY'] = before === undefined ? record['OPPORTUNITY'] ?? 0 : record['OPPORTUNITY']
  }

  function add (type: EntityType, fields: Record_, by: number): number {
    const id = next.get(type) ?? 1
    const record: Record_ = { ...defaults(type, id, settings), ...writable(type, fields), ID: id, CREATED_BY_ID: by, MODIFY_BY_ID: by, DATE_CREATE: second(), DATE_MODIFY: second() }
    if (type === 2) {
      settleDeal(record, undefined)
      record['MOVED_TIME'] = second()
      if (record['TITLE'] === '' || record['TITLE'] === null) record['TITLE'] = `Deal #${id}`
    }
    if (type === 3 && !record['NAME'] && !record['LAST_NAME']) throw new RestError('CRM_FIELD_ERROR_REQUIRED', 'Required fields: NAME, LAST_NAME')
    if (type === 4 && !record['TITLE']) throw new RestError('CRM_FIELD_ERROR_REQUIRED', 'Required fields: TITLE')
    next.set(type, id + 1)
    table(type).set(id, record)
    onSave({ type, id, record, changed: Object.keys(fields), kind: 'added' })
    return id
  }

  function update (type: EntityType, id: number, fields: Record_, by: number): boolean {
    const before = get(type, id)
    const after: Record_ = { ...before, ...writable(type, fields) }
    if (type === 2) settleDeal(after, before)
    const changed = Object.keys(after).filter(name => JSON.stringify(after[name]) !== JSON.stringify(before[name]))
    if (changed.length === 0) return false
    after['MODIFY_BY_ID'] = by
    after['DATE_MODIFY'] = second()
    if (changed.includes('STAGE_ID')) after['MOVED_TIME'] = second()
    table(type).set(id, after)
    onSave({ type, id, record: after, changed, kind: changed.includes('CATEGORY_ID') ? 'moved' : 'updated' })
    return true
  }

  return {
    all: table,
    get,
    add,
    update,
    remove (type, id) {
      const record = get(type, id)
      table(type).delete(id)
      onSave({ type, id, record, changed: [], kind: 'deleted' })
    },
    fields: type => defs.get(type) ?? [],
    dump: (): State => ({ next: Object.fromEntries(next), records: Object.fromEntries([...tables].map(([type, records]) => [type, Object.fromEntries(records)])) }),
    load (state) {
      const { next: ids, records } = state as State
      for (const type of [2, 3, 4] as const) {
        next.set(type, ids[type] ?? settings.first_id)
        tables.set(type, new Map(Object.entries(records[type] ?? {}).map(([id, record]) => [Number(id), record])))
      }
    }
  }
}

function defaults (type: EntityType, id: number, settings: PortalSettings): Record_ {
  const common: Record_ = { ASSIGNED_BY_ID: settings.user_id, OPENED: 'Y', ORIGINATOR_ID: null, ORIGIN_ID: null, COMMENTS: '' }
  if (type !== 2) return common
  return {
    ...common, TITLE: `Deal #${id}`, TYPE_ID: settings.types[0] ?? 'SALE', CATEGORY_ID: 0, CURRENCY_ID: settings.currencies[0] ?? 'RUB', OPPORTUNITY: 0,
    IS_MANUAL_OPPORTUNITY: 'N', TAX_VALUE: 0, COMPANY_ID: 0, CONTACT_ID: 0, CONTACT_IDS: [], SOURCE_ID: '', SOURCE_DESCRIPTION: ''
  }
}

function stored (def: FieldDef, value: unknown, settings: PortalSettings): unknown {
  if (def.multiple && !Array.isArray(value) && value !== '' && value !== null && typeof value !== 'object') throw new RestError('100', `Expected iterable value for multiple field, but got \`${typeof value}\` instead`)
  if (def.type === 'double') return value === '' || value === null ? 0 : Number(value)
  if (['integer', 'user', 'link', 'category'].includes(def.type)) return value === '' || value === null ? 0 : Number(value)
  if (def.type === 'currency' && !settings.currencies.includes(asText(value))) throw new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', 'Invalid value for the "Currency" field')
  if (def.type === 'date') return value === '' || value === null ? null : parseDay(asText(value))
  if (def.type === 'text') return asText(value).replace(/<(\/?)b>/gi, '[$1B]').replace(/<br\s*\/?>/gi, '\n')
  if (def.multiple) return Array.isArray(value) ? value : value === '' || value === null ? [] : Object.values(value as object)
  return value === null ? null : asText(value)
}

/** A time as the portal shows it. */
export const shownTime = (value: unknown, settings: PortalSettings): unknown => typeof value === 'number' ? isoInZone(value, settings.zone) : value
