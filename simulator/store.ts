import type { PortalSettings } from './config.ts'
import { dealDefaults, settleDeal } from './deal-rules.ts'
import { fieldsOf } from './field-table.ts'
import type { EntityType, FieldDef } from './field-table.ts'
import { productRow, totals } from './product-row.ts'
import type { ProductRow } from './product-row.ts'
import { RestError, notFound } from './rest-error.ts'
import { createTables } from './tables.ts'
import type { StageChange } from './tables.ts'
import { asText } from './text.ts'
import { storedValue } from './values.ts'
import { parseInstant } from './zone.ts'
import type { Record_ } from './params.ts'

export type { Record_ } from './params.ts'
/** A save as it happened; a `silent` one sends no event. */
export interface Saved { readonly type: EntityType, readonly id: number, readonly record: Record_, readonly changed: string[], readonly kind: 'added' | 'updated' | 'moved' | 'deleted', readonly silent?: boolean }
/** How a save differs from an ordinary one: `silent` sends no event, `always` saves without a change too. */
export interface Manner { silent?: boolean, always?: boolean }

/** The records of one portal with a portal's own rules on a save. Reading or changing what is not there throws NOT_FOUND. */
export interface Store {
  all: (type: EntityType) => Map<number, Record_>
  get: (type: EntityType, id: number) => Record_
  add: (type: EntityType, fields: Record_, by: number) => number
  /** An add that keeps the dates and people that are written; nothing older than what is there. */
  importItem: (type: EntityType, fields: Record_, by: number) => number
  /** False when no value changed: then nothing was saved. */
  update: (type: EntityType, id: number, fields: Record_, by: number, manner?: Manner) => boolean
  remove: (type: EntityType, id: number, by: number, manner?: Manner) => void
  fields: (type: EntityType) => FieldDef[]
  rows: (dealId: number) => ProductRow[]
  /** Replaces every row of a deal and its sum with them. */
  setRows: (dealId: number, rows: Record_[], by: number, manner?: Manner) => void
  /** SORT of a deal's contacts by contact; the map may be written to. */
  sorts: (dealId: number) => Record<string, number>
  history: () => readonly StageChange[]
  dump: () => unknown
  load: (state: unknown) => void
}

const IMPORTED = ['DATE_CREATE', 'DATE_MODIFY', 'MOVED_TIME', 'CREATED_BY_ID', 'MODIFY_BY_ID', 'MOVED_BY_ID'] as const

export function createStore (settings: PortalSettings, now: () => number, onSave: (saved: Saved) => void): Store {
  const tables = createTables(settings.first_id)
  const defs = new Map<EntityType, FieldDef[]>(([2, 3, 4] as const).map(type => [type, fieldsOf(settings, type)]))
  const second = (): number => Math.floor(now() / 1000) * 1000
  const rows = (id: number): ProductRow[] => tables.rows.get(id) ?? []

  function get (type: EntityType, id: number): Record_ {
    const record = tables.records(type).get(id)
    if (record === undefined) throw notFound()
    return record
  }

  /** The values that a caller may write, as they are stored; unknown and read-only names are left out silently. */
  function writable (type: EntityType, fields: Record_, before: Record_): Record_ {
    const out: Record_ = {}
    for (const def of defs.get(type) ?? []) {
      if (def.write === '' || !Object.hasOwn(fields, def.name)) continue
      out[def.name] = storedValue(def, fields[def.name], { settings, before: before[def.name], nextId: tables.nextId })
    }
    return out
  }

  function settle (type: EntityType, record: Record_, { before, written }: { before: Record_ | undefined, written: Record_ }): void {
    if (type === 2) settleDeal(record, { before, rows: rows(Number(record['ID'])), settings, written })
    if (type === 3 && asText(record['NAME']) === '' && asText(record['LAST_NAME']) === '') throw new RestError('CRM_FIELD_ERROR_REQUIRED', 'Required fields are empty: NAME, LAST_NAME')
    if (type === 4 && asText(record['TITLE']) === '') throw new RestError('CRM_FIELD_ERROR_REQUIRED', 'Required fields are empty: TITLE')
  }

  function remember (record: Record_, typeId: number): void {
    tables.history.push({
      ID: tables.nextId('history'), TYPE_ID: typeId, OWNER_ID: Number(record['ID']), CREATED_TIME: second(), CATEGORY_ID: Number(record['CATEGORY_ID']),
      STAGE_SEMANTIC_ID: asText(record['STAGE_SEMANTIC_ID']), STAGE_ID: asText(record['STAGE_ID'])
    })
  }

  function insert (type: EntityType, { fields, by, kept, silent }: { fields: Record_, by: number, kept: Record_, silent: boolean }): number {
    const common: Record_ = { ASSIGNED_BY_ID: by, OPENED: 'Y', ORIGINATOR_ID: null, ORIGIN_ID: null, COMMENTS: '' }
    const written = writable(type, fields, {})
    // The id is taken once nothing can be refused any more.
    const make = (id: number): Record_ => {
      const defaults = type === 2 ? { ...dealDefaults(id, settings, now()), MOVED_TIME: second(), MOVED_BY_ID: by } : {}
      const record = { ...common, ...defaults, ...written, ID: id, CREATED_BY_ID: by, MODIFY_BY_ID: by, DATE_CREATE: second(), DATE_MODIFY: second(), ...kept }
      settle(type, record, { before: undefined, written })
      return record
    }
    make(0)
    const id = tables.nextId(type)
    const record = make(id)
    tables.records(type).set(id, record)
    if (type === 2) remember(record, 1)
    onSave({ type, id, record, changed: Object.keys(fields), kind: 'added', silent })
    return id
  }

  function importItem (type: EntityType, fields: Record_, by: number): number {
    const kept: Record_ = {}
    for (const name of IMPORTED) {
      const value = fields[name]
      if (value === undefined || value === '' || (name.startsWith('MOVED') && type !== 2)) continue
      kept[name] = name.endsWith('_ID') ? Number(value) : parseInstant(asText(value), settings.zone) ?? second()
    }
    const newest = [...tables.records(type).values()].reduce((latest, record) => Math.max(latest, Number(record['DATE_CREATE'])), 0)
    if (Number(kept['DATE_CREATE'] ?? second()) < newest) throw new RestError('CRM_FIELD_ERROR_VALUE_NOT_VALID', 'createdTime is earlier than that of an existing item')
    return insert(type, { fields, by, kept, silent: !settings.switches.import_fires_add })
  }

  function update (type: EntityType, id: number, fields: Record_, by: number, manner: Manner = {}): boolean {
    const before = get(type, id)
    const written = writable(type, fields, before)
    const after: Record_ = { ...before, ...written }
    settle(type, after, { before, written })
    const changed = Object.keys(after).filter(name => JSON.stringify(after[name]) !== JSON.stringify(before[name]))
    if (changed.length === 0 && manner.always !== true) return false
    Object.assign(after, { MODIFY_BY_ID: by, DATE_MODIFY: second() })
    const moved = changed.includes('CATEGORY_ID')
    if (changed.includes('STAGE_ID')) {
      Object.assign(after, { MOVED_TIME: second(), MOVED_BY_ID: by })
      remember(after, moved ? 5 : after['STAGE_SEMANTIC_ID'] === 'P' ? 2 : 3)
    }
    tables.records(type).set(id, after)
    onSave({ type, id, record: after, changed, kind: moved ? 'moved' : 'updated', silent: manner.silent === true })
    return true
  }

  return {
    all: tables.records,
    get,
    add: (type, fields, by) => insert(type, { fields, by, kept: {}, silent: false }),
    importItem,
    update,
    remove (type, id, _by, manner = {}) {
      const record = get(type, id)
      tables.records(type).delete(id)
      if (type === 2) { tables.rows.delete(id); tables.sorts.delete(id) }
      onSave({ type, id, record, changed: [], kind: 'deleted', silent: manner.silent === true })
    },
    fields: type => defs.get(type) ?? [],
    rows,
    setRows (dealId, written, by, manner = { silent: !settings.switches.rows_fire_update }) {
      const deal = get(2, dealId)
      const set = written.map((row, index) => productRow(row, { id: tables.nextId('row'), ownerId: dealId, index }))
      tables.rows.set(dealId, set)
      const sum = deal['IS_MANUAL_OPPORTUNITY'] === 'Y' ? {} : { OPPORTUNITY: totals(set).sum, TAX_VALUE: totals(set).tax }
      update(2, dealId, sum, by, { ...manner, always: true })
    },
    sorts (dealId) {
      const own = tables.sorts.get(dealId) ?? {}
      tables.sorts.set(dealId, own)
      return own
    },
    history: () => tables.history,
    dump: tables.dump,
    load: tables.load
  }
}
