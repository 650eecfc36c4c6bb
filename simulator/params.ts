import { missing } from './rest-error.ts'
import type { EntityType } from './field-table.ts'

/** A map of whatever was sent or is kept, by name. */
export type Record_ = Record<string, unknown>
/** The parameters of one call, as JSON, a form or a query gave them. */
export type Params = Record_
/** What a method answers; lists add `total` and, if another page exists, `next`. */
export interface Page { result: unknown, total?: number, next?: number }
export type Methods = Record<string, (params: Params) => Page>

const PAGE = 50

/** The value as a map; anything that is none gives an empty one. */
export const asMap = (value: unknown): Record_ => typeof value === 'object' && value !== null ? value as Record_ : {}
/** The values of a list or of a map with any keys; a scalar gives none. */
export const asList = (value: unknown): unknown[] => Object.values(asMap(value))

/** The entity type of a universal call. Throws "100" for what this portal does not have. */
export function typeOf (params: Params): EntityType {
  const type = Number(params['entityTypeId'])
  if (type !== 2 && type !== 3 && type !== 4) throw missing('entityTypeId')
  return type
}

/** The id of a universal call. Throws "100" when it is absent. */
export function idOf (params: Params): number {
  if (params['id'] === undefined) throw missing('id')
  return Number(params['id'])
}

/** The parameters of an old method, whose names may come in any case: `ID`, `Fields`. */
export const anyCase = (params: Params): Params => Object.fromEntries(Object.entries(params).map(([name, value]) => [name.toLowerCase(), value]))

/** Pages of 50; `start: -1` counts nothing: total 0 and no next. */
export function paged<Row> (rows: Row[], start: unknown, show: (rows: Row[]) => unknown): Page {
  const from = Number(start ?? 0)
  if (from === -1) return { result: show(rows.slice(0, PAGE)), total: 0 }
  const page = { result: show(rows.slice(from, from + PAGE)), total: rows.length }
  return from + PAGE < rows.length ? { ...page, next: from + PAGE } : page
}
