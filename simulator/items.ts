import type { PortalSettings } from './config.ts'
import type { EntityType, FieldDef } from './field-table.ts'
import { RestError, missing } from './rest-error.ts'
import type { Record_, Store } from './store.ts'
import { dateInZone, isoInZone, parseInstant } from './zone.ts'
import { asText } from './text.ts'

export type Params = Record<string, unknown>
export interface Page { result: unknown, total?: number, next?: number }
const PAGE = 50

/** The universal family, `crm.item.*`. */
export function itemMethods (settings: PortalSettings, store: Store): Record<string, (params: Params) => Page> {
  const by = settings.user_id
  return {
    'crm.item.get': params => ({ result: { item: shown(store, settings, typeOf(params), idOf(params)) } }),
    'crm.item.add': (params) => {
      const type = typeOf(params)
      const id = store.add(type, upperFields(store, type, params['fields']), by)
      return { result: { item: shown(store, settings, type, id) } }
    },
    'crm.item.update': (params) => {
      const type = typeOf(params)
      store.update(type, idOf(params), upperFields(store, type, params['fields']), by)
      return { result: { item: shown(store, settings, type, idOf(params)) } }
    },
    'crm.item.delete': (params) => { store.remove(typeOf(params), idOf(params), by); return { result: [] } },
    'crm.item.list': (params) => {
      const type = typeOf(params)
      const filter = asMap(params['filter'])
      const matches = makeFilter(filter, name => fieldNamed(store, type, name), settings)
      const rows = sorted([...store.all(type).values()].filter(matches), asMap(params['order']), name => fieldNamed(store, type, name))
      return paged(rows, params['start'], row => ({ items: row.map(record => showItem(store, settings, type, record)) }))
    },
    'crm.item.fields': params => ({ result: { fields: Object.fromEntries(store.fields(typeOf(params)).map(def => [def.custom === undefined ? def.camel : def.name, { type: def.type, isRequired: false, isReadOnly: def.write === '', isMultiple: def.multiple, title: def.name, upperName: def.name }])) } })
  }
}

/** The old family for deals, `crm.deal.*`: UPPER-case names, every scalar a string, unknown filters dropped. */
export function dealMethods (settings: PortalSettings, store: Store): Record<string, (params: Params) => Page> {
  const by = settings.user_id
  const old = (record: Record_): Record_ => Object.fromEntries(store.fields(2).filter(def => def.name !== 'CONTACT_IDS' && Object.hasOwn(record, def.name)).map(def => [def.name, oldValue(def, record[def.name], settings)]))
  const byId = (params: Params): number => Number(params['id'] ?? params['ID'])
  const find = (params: Params): Record_ => {
    const record = store.all(2).get(byId(params))
    if (record === undefined) throw new RestError('', 'Not found')
    return record
  }
  const fieldsOf = (params: Params): Record_ => asMap(params['fields'] ?? params['FIELDS'])
  return {
    'crm.deal.get': params => ({ result: old(find(params)) }),
    'crm.deal.add': params => ({ result: store.add(2, fieldsOf(params), by) }),
    'crm.deal.update': (params) => {
      const fields = Object.fromEntries(Object.entries(fieldsOf(params)).filter(([name]) => name !== 'CATEGORY_ID'))
      find(params)
      store.update(2, byId(params), fields, by)
      return { result: true }
    },
    'crm.deal.delete': (params) => { find(params); store.remove(2, byId(params), by); return { result: true } },
    'crm.deal.list': (params) => {
      const known = Object.fromEntries(Object.entries(asMap(params['filter'])).filter(([name]) => store.fields(2).some(def => def.name === bareName(name))))
      const named = (name: string): FieldDef | undefined => store.fields(2).find(def => def.name === name)
      const rows = sorted([...store.all(2).values()].filter(makeFilter(known, named, settings)), asMap(params['order']), named)
      return paged(rows, params['start'], row => row.map(old))
    },
    'crm.deal.fields': () => ({ result: Object.fromEntries(store.fields(2).map(def => [def.name, { type: def.type, isReadOnly: def.write === '', isMultiple: def.multiple }])) })
  }
}

function typeOf (params: Params): EntityType {
  const type = Number(params['entityTypeId'])
  if (type !== 2 && type !== 3 && type !== 4) throw missing('entityTypeId')
  return type
}

function idOf (params: Params): number {
  if (params['id'] === undefined) throw missing('id')
  return Number(params['id'])
}

const asMap = (value: unknown): Record_ => typeof value === 'object' && value !== null ? value as Record_ : {}
const bareName = (name: string): string => name.replace(/^(!=%|!%=|!=|!@|!%|!|=%|%=|>=|<=|=|>|<|@|%)/, '')
const fieldNamed = (store: Store, type: EntityType, name: string): FieldDef | undefined => store.fields(type).find(def => def.camel === name || (def.custom !== undefined && def.name === name))

function upperFields (store: Store, type: EntityType, fields: unknown): Record_ {
  const out: Record_ = {}
  for (const [name, value] of Object.entries(asMap(fields))) {
    const def = fieldNamed(store, type, name)
    if (def !== undefined) out[def.name] = value
  }
  return out
}

function shown (store: Store, settings: PortalSettings, type: EntityType, id: number): Record_ {
  return showItem(store, settings, type, store.get(type, id))
}

/** A record as the universal family shows it, custom fields under their original names. */
export function showItem (store: Store, settings: PortalSettings, type: EntityType, record: Record_): Record_ {
  return Object.fromEntries(store.fields(type).map(def => [def.custom === undefined ? def.camel : def.name, newValue(def, record[def.name], settings)]))
}

function newValue (def: FieldDef, value: unknown, settings: PortalSettings): unknown {
  if (def.type === 'datetime') return typeof value === 'number' ? isoInZone(value, settings.zone) : null
  if (def.type === 'date') return typeof value === 'string' ? dateInZone(value, settings.zone) : null
  if (value === undefined) return def.multiple ? [] : null
  return value
}

function oldValue (def: FieldDef, value: unknown, settings: PortalSettings): unknown {
  const fresh = newValue(def, value, settings)
  if (def.type === 'double') return Number(fresh ?? 0).toFixed(2)
  return fresh === null || typeof fresh === 'object' ? fresh : asText(fresh)
}

/** A filter as the vendor writes it: a prefix before the name says how to compare. An unknown name is refused. */
function makeFilter (filter: Record_, named: (name: string) => FieldDef | undefined, settings: PortalSettings): (record: Record_) => boolean {
  const { logic, ...conditions } = filter
  const tests = Object.entries(conditions).map(([key, wanted]) => {
    if (/^\d+$/.test(key)) return makeFilter(asMap(wanted), named, settings)
    const name = bareName(key)
    const def = named(name)
    if (def === undefined) throw new RestError('INVALID_ARG_VALUE', `Invalid filter: field '${name}' is not allowed in filter`)
    return condition(def, { operator: key.slice(0, key.length - name.length), wanted, zone: settings.zone })
  })
  return record => logic === 'OR' && tests.length > 0 ? tests.some(test => test(record)) : tests.every(test => test(record))
}

function condition (def: FieldDef, { operator, wanted, zone }: { operator: string, wanted: unknown, zone: string }): (record: Record_) => boolean {
  const plain = (value: unknown): string | number => def.type === 'datetime' && typeof value === 'string' ? parseInstant(value, zone) ?? 0 : value === null || value === undefined ? '' : ['integer', 'double', 'user', 'link', 'category'].includes(def.type) && value !== '' ? Number(value) : typeof value === 'number' ? value : asText(value)
  const list = (Array.isArray(wanted) ? wanted : typeof wanted === 'object' && wanted !== null ? Object.values(wanted) : [wanted]).map(plain)
  const first = list[0] ?? ''
  const one = (test: (value: string | number) => boolean) => (record: Record_): boolean => test(plain(record[def.name]))
  switch (operator) {
    case '': case '=': case '@': return one(value => list.includes(value))
    case '!': case '!=': case '!@': return one(value => !list.includes(value))
    case '>': return one(value => value > first)
    case '>=': return one(value => value >= first)
    case '<': return one(value => value < first)
    case '<=': return one(value => value <= first)
    case '%': return one(value => String(value).toLowerCase().includes(String(first).toLowerCase()))
    default: throw new RestError('INVALID_ARG_VALUE', `Invalid filter: operator '${operator}'`)
  }
}

function sorted (rows: Record_[], order: Record_, named: (name: string) => FieldDef | undefined): Record_[] {
  const keys = Object.entries(order).flatMap(([name, way]) => {
    const def = named(name)
    return def === undefined ? [] : [{ name: def.name, sign: String(way).toUpperCase() === 'DESC' ? -1 : 1 }]
  })
  return rows.toSorted((a, b) => {
    for (const { name, sign } of [...keys, { name: 'ID', sign: 1 }]) {
      const [x, y] = [a[name] as number, b[name] as number]
      if (x !== y) return (x < y ? -1 : 1) * sign
    }
    return 0
  })
}

/** Pages of 50; `start: -1` counts nothing: total 0 and no next. */
function paged (rows: Record_[], start: unknown, show: (rows: Record_[]) => unknown): Page {
  const from = Number(start ?? 0)
  if (from === -1) return { result: show(rows.slice(0, PAGE)), total: 0 }
  const page = { result: show(rows.slice(from, from + PAGE)), total: rows.length }
  return from + PAGE < rows.length ? { ...page, next: from + PAGE } : page
}
