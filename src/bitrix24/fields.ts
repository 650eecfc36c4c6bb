import type { Fields, Json } from '../domain/mapping/mapping.ts'

// UPPER-case names of standard deal fields whose crm.item.* name does not follow by rule (vendor page: crm.item, fields).
const CAMEL = new Map(Object.entries({
  CREATED_BY_ID: 'createdBy', MODIFY_BY_ID: 'updatedBy', MOVED_BY_ID: 'movedBy', DATE_CREATE: 'createdTime', DATE_MODIFY: 'updatedTime',
  BEGINDATE: 'begindate', CLOSEDATE: 'closedate'
}))
const UPPER = new Map([...CAMEL].map(([upper, camel]) => [camel, upper]))
const DATES = new Set(['BEGINDATE', 'CLOSEDATE'])
const MONEY = new Set(['OPPORTUNITY', 'TAX_VALUE'])
const DAY_MS = 86_400_000
const WEST = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-\d\d:\d\d$/

/** The crm.item.* name of a field; custom fields keep their own (`useOriginalUfNames`). */
export function camelName (upper: string): string {
  if (upper.startsWith('UF_')) return upper
  return CAMEL.get(upper) ?? upper.toLowerCase().replace(/_([a-z0-9])/g, (_all, c: string) => c.toUpperCase())
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
  if (name.startsWith('UF_')) return customOf(value)
  return value
}

/** A JSON number as a decimal string without exponent. */
function decimal (value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  return Math.abs(value) < 1 ? value.toFixed(2) : BigInt(value).toString()
}

/**
 * A custom date is shown like a datetime, and west of UTC the text names the day before. A target reads the day off
 * the text, so such an instant is written in UTC: the same moment for a datetime, the right day for a date.
 */
function customOf (value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => customOf(item))
  if (typeof value !== 'string' || !WEST.test(value)) return value
  const at = Date.parse(value)
  return at % DAY_MS === 0 ? new Date(at).toISOString().replace('.000Z', '+00:00') : value
}

/** A date is shown as 00:00 UTC of that day in the portal's zone: the nearest UTC midnight is the day (vendor page: dates). */
function dateOf (text: string): string {
  const at = Date.parse(text)
  if (Number.isNaN(at)) return text
  return new Date(Math.round(at / DAY_MS) * DAY_MS).toISOString().slice(0, 10)
}
