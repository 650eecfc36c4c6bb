import type { EntityType } from './field-table.ts'
import type { Record_ } from './params.ts'
import type { ProductRow } from './product-row.ts'

/** One line of a deal's stage history; `TYPE_ID` 1 created, 2 stage, 3 final stage, 5 funnel. */
export interface StageChange { ID: number, TYPE_ID: number, OWNER_ID: number, CREATED_TIME: number, CATEGORY_ID: number, STAGE_SEMANTIC_ID: string, STAGE_ID: string }

const TYPES = [2, 3, 4] as const

interface State {
  next: Record<string, number>
  records: Record<string, Record<string, Record_>>
  rows?: Record<string, ProductRow[]>
  sorts?: Record<string, Record<string, number>>
  history?: StageChange[]
}

/**
 * Everything one portal keeps, without any rule; `dump` and `load` carry it over a restart. A record has its values by
 * UPPER-case name: times are milliseconds, days `YYYY-MM-DD`, everything else as a portal keeps it.
 */
export interface Tables {
  records: (type: EntityType) => Map<number, Record_>
  /** Product rows by deal. */
  rows: Map<number, ProductRow[]>
  /** SORT of a deal's contacts, by deal and contact. */
  sorts: Map<number, Record<string, number>>
  history: StageChange[]
  /** The next id of a kind (`2`, `fm`, `row`, …); every kind begins at the portal's first id. */
  nextId: (kind: string | number) => number
  dump: () => State
  load: (state: unknown) => void
}

export function createTables (firstId: number): Tables {
  const records = new Map<EntityType, Map<number, Record_>>(TYPES.map(type => [type, new Map()]))
  const next = new Map<string, number>(TYPES.map(type => [String(type), firstId]))
  const tables: Tables = {
    records: type => records.get(type) ?? new Map<number, Record_>(),
    rows: new Map(),
    sorts: new Map(),
    history: [],
    nextId: (kind) => {
      const id = next.get(String(kind)) ?? firstId
      next.set(String(kind), id + 1)
      return id
    },
    dump: () => ({
      next: Object.fromEntries(next),
      records: Object.fromEntries([...records].map(([type, table]) => [type, Object.fromEntries(table)])),
      rows: Object.fromEntries(tables.rows), sorts: Object.fromEntries(tables.sorts), history: tables.history
    }),
    load: (state) => {
      const saved = state as State
      for (const [kind, id] of Object.entries(saved.next)) next.set(kind, id)
      for (const type of TYPES) records.set(type, byId(saved.records[type] ?? {}))
      tables.rows = byId(saved.rows ?? {})
      tables.sorts = byId(saved.sorts ?? {})
      tables.history = saved.history ?? []
    }
  }
  return tables
}

const byId = <Value>(values: Record<string, Value>): Map<number, Value> => new Map(Object.entries(values).map(([id, value]) => [Number(id), value]))
