export type Json = string | number | boolean | null

/** Numbers that a caller's JSON parser keeps exactly; anything larger goes as text. */
export function jsonNumber (value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
}

/** A row as it stands in JSON: instants in RFC 3339, whole numbers as numbers while they are safe, columns named in `decimals` as numbers. */
export function shape (row: object, columns: readonly string[], decimals: readonly string[] = []): Record<string, Json> {
  const values = row as Readonly<Record<string, unknown>>
  return Object.fromEntries(columns.map(column => [column, cell(values[column], decimals.includes(column))]))
}

function cell (value: unknown, isDecimal: boolean): Json {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return jsonNumber(value)
  if (typeof value === 'string') return isDecimal ? Number(value) : value
  return typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value)
}

/** One line of CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets a leading apostrophe. */
export function csvLine (cells: readonly Json[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell (value: Json): string {
  if (value === null) return ''
  // A number of ours cannot be a formula, and -3.5 should stay a number.
  if (typeof value !== 'string') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
