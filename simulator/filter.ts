import type { FieldDef } from './field-table.ts'
import { asList, asMap } from './params.ts'
import type { Record_ } from './params.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'
import { parseDay, parseInstant } from './zone.ts'

/** What a filter may name; the universal family refuses an unknown name and knows more prefixes, the old one drops it. */
export interface FilterRules { family: 'universal' | 'old', named: (name: string) => FieldDef | undefined, zone: string }
type Plain = string | number
type Test = (record: Record_) => boolean

const OLD = /^(!=|!@|!|=%|%=|>=|<=|=|>|<|@|%)/
const UNIVERSAL = /^(!=%|!%=|!%|!=|!@|!|=%|%=|>=|<=|=|>|<|@|%)/
const NUMBERS = new Set(['integer', 'double', 'user', 'link', 'links', 'category', 'enumeration', 'employee'])

/** A filter as the vendor writes it: a prefix before the name says how to compare, `logic` OR and nested maps are the universal family's alone. */
export function makeFilter (filter: Record_, rules: FilterRules): Test {
  const { logic, ...conditions } = filter
  const tests = Object.entries(conditions).flatMap(([key, wanted]): Test[] => {
    if (/^\d+$/.test(key)) return rules.family === 'universal' ? [makeFilter(asMap(wanted), rules)] : []
    const operator = (rules.family === 'old' ? OLD : UNIVERSAL).exec(key)?.[0] ?? ''
    const name = key.slice(operator.length)
    const def = rules.named(name)
    if (def !== undefined && def.type !== 'multifield') return [condition(def, { operator, wanted, zone: rules.zone })]
    if (rules.family === 'old') return []
    throw new RestError('INVALID_ARG_VALUE', `Invalid filter: field '${name}' is not allowed in filter`)
  })
  return record => rules.family === 'universal' && logic === 'OR' && tests.length > 0 ? tests.some(test => test(record)) : tests.every(test => test(record))
}

function condition (def: FieldDef, { operator, wanted, zone }: { operator: string, wanted: unknown, zone: string }): Test {
  const list = (typeof wanted === 'object' && wanted !== null ? asList(wanted) : [wanted]).map(value => asked(def, value, zone))
  const test = comparison(operator, list)
  const negative = operator.startsWith('!')
  // A multiple field holds when one of its values does, and is "not so" when none is.
  return (record) => {
    const value = record[def.name]
    if (!Array.isArray(value)) return test(plain(def, value))
    return negative ? value.every(each => test(plain(def, each))) : value.some(each => test(plain(def, each)))
  }
}

function comparison (operator: string, list: Plain[]): (value: Plain) => boolean {
  const first = list[0] ?? ''
  switch (operator) {
    case '': case '=': case '@': return value => list.includes(value)
    case '!': case '!=': case '!@': return value => !list.includes(value)
    case '>': return value => value !== '' && value > first
    case '>=': return value => value !== '' && value >= first
    case '<': return value => value !== '' && value < first
    case '<=': return value => value !== '' && value <= first
    case '%': return contains(first)
    case '!%': { const has = contains(first); return value => !has(value) }
    case '=%': case '%=': return like(first)
    default: { const has = like(first); return value => !has(value) }
  }
}

const contains = (part: Plain) => (value: Plain): boolean => String(value).toLowerCase().includes(String(part).toLowerCase())

/** As SQL's LIKE: the caller writes the per cent signs. */
function like (pattern: Plain): (value: Plain) => boolean {
  const expression = new RegExp(`^${String(pattern).split('%').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 'is')
  return value => expression.test(String(value))
}

/** A stored value as it is compared. */
export function plain (def: FieldDef, value: unknown): Plain {
  if (value === null || value === undefined || value === '') return def.type === 'boolean' ? 'N' : ''
  return NUMBERS.has(def.type) || typeof value === 'number' ? Number(value) : asText(value)
}

/** A wanted value as it is compared; a custom boolean is asked for by 1 and 0. */
function asked (def: FieldDef, value: unknown, zone: string): Plain {
  if (value === null || value === undefined || value === '') return ''
  if (def.type === 'boolean') return { 1: 'Y', 0: 'N' }[asText(value)] ?? '?'
  if (def.type === 'datetime') return parseInstant(asText(value), zone) ?? 0
  if (def.type === 'date') return parseDay(asText(value)) ?? asText(value)
  return plain(def, value)
}

/** The records in the asked order, then by id; unknown names are left out. */
export function sorted (rows: Record_[], order: Record_, named: (name: string) => FieldDef | undefined): Record_[] {
  const keys = Object.entries(order).flatMap(([name, way]) => {
    const def = named(name)
    return def === undefined ? [] : [{ def, sign: String(way).toUpperCase() === 'DESC' ? -1 : 1 }]
  })
  return rows.toSorted((a, b) => {
    for (const { def, sign } of keys) {
      const [x, y] = [plain(def, a[def.name]), plain(def, b[def.name])]
      if (x !== y) return (x < y ? -1 : 1) * sign
    }
    return Number(a['ID']) - Number(b['ID'])
  })
}
