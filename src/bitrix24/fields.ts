import type { Fields, Json } from '../domain/mapping/mapping.ts'

// UPPER-case names of standard deal fields whose crm.item.* name does not follow by rule (vendor page: crm.item, fields).
const CAMEL: Readonly<Record<string, string>> = {
  CREATED_BY_ID: 'createdBy', MODIFY_BY_ID: 'updatedBy', MOVED_BY_ID: 'movedBy', DATE_CREATE: 'createdTime', DATE_MODIFY: 'updatedTime',
  BEGINDATE: 'begindate', CLOSEDATE: 'closedate'
}
const UPPER = new Map(Object.entries(CAMEL).map(([upper, camel]) => [camel, upper]))
const DATES = new Set(['BEGINDATE', 'CLOSEDATE'])
const MONEY = new Set(['OPPORTUNITY', 'TAX_VALUE'])
const DAY_MS = 86_400_000

/** The crm.item.* name of a field; custom fields keep their own (`useOriginalUfNames`). */
export function camelName (upper: string): string {
  if (upper.startsWith('UF_')) return upper
  return CAMEL[upper] ?? upper.toLowerCase().replace(/_([a-z0-9])/g, (_all, c: string) => c.toUpperCase())
}

/** The UPPER-case name of a crm.item.* field. */
export function upperName (camel: string): string {
  if (camel.startsWith('UF_')) return camel
  const parent = /^parentId([0-9]+)$/.exec(camel)
  if (parent !== null) return `PARENT_ID_${parent[1] ?? ''}`
  return UPPER.get(camel) ?? camel.replace(/[A-Z]/g, c => `_${c}`).toUpperCase()
}

/**
 * A deal as crm.item.* gives it, with UPPER-case names: money as decimal strings, dates as `YYYY-MM-DD`.
 * `searchContent` and activity times are left out: the first is personal data, the others change without a change.
 */
export function snapshotOf (item: Readonly<Record<string, unknown>>): Fields {
  const out: Record<string, Json> = {}
  for (const [name, value] of Object.entries(item)) {
    if (name === 'searchContent' || name.startsWith('lastActivity') || name.startsWith('lastCommunication')) continue
    const upper = upperName(name)
    out[upper] = readValue(upper, value as Json)
  }
  return out
}

function readValue (name: string, value: Json): Json {
  if (MONEY.has(name) && typeof value === 'number') return decimal(value)
  if (DATES.has(name) && typeof value === 'string' && value !== '') return dateOf(value)
  return value
}

/** A JSON number as a decimal string without exponent. */
function decimal (value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(2) : text
}

/** A date is shown as 00:00 UTC of that day in the portal's zone: the nearest UTC midnight is the day (vendor page: dates). */
function dateOf (text: string): string {
  const at = Date.parse(text)
  if (Number.isNaN(at)) return text
  return new Date(Math.round(at / DAY_MS) * DAY_MS).toISOString().slice(0, 10)
}
