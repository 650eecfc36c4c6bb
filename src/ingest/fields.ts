/** What a body held after parsing; nothing in it is trusted. */
export type Fields = Readonly<Record<string, unknown>>

/** Stands for "there is something, but not of the kind that is due". */
export const WRONG: unique symbol = Symbol('wrong')

/** The text at `key`: null when absent, a safe integer as decimal text, WRONG for anything else or over `longest` characters. */
export function scalar (fields: Fields, key: string, longest = 253): string | null | typeof WRONG {
  // Own keys alone: a JSON object inherits from Object.prototype.
  const value = Object.hasOwn(fields, key) ? fields[key] : null
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value.length <= longest ? value : WRONG
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : WRONG
}

/** The object at `key`: empty when absent, WRONG for anything else. */
export function nested (fields: Fields, key: string): Fields | typeof WRONG {
  const value = Object.hasOwn(fields, key) ? fields[key] : null
  if (value === null || value === undefined) return NOTHING
  return isFields(value) ? value : WRONG
}

export function isFields (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const NOTHING: Fields = Object.freeze(Object.create(null) as Fields)
