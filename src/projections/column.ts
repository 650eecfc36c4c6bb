/** Text as PostgreSQL can hold it: it knows no NUL character, and one record must never stop a partition for good. */
export function textColumn (text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text
}

/** Milliseconds as an instant that PostgreSQL can read; what lies outside 1970 to 9999 is moved to that border. */
export function timeColumn (ms: number): string {
  const inside = Math.min(Math.max(Number.isFinite(ms) ? ms : 0, 0), 253_402_300_799_999)
  return new Date(Math.trunc(inside)).toISOString()
}

/** Both helpers for values that may be missing. */
export function textOrNull (text: string | null): string | null {
  return text === null ? null : textColumn(text)
}

export function timeOrNull (ms: number | null): string | null {
  return ms === null ? null : timeColumn(ms)
}

/** The parts of rows as one array per column, for `unnest`: one statement writes a chunk whatever its size. */
export function columns<T> (rows: readonly T[], ...pick: ((row: T) => unknown)[]): unknown[][] {
  return pick.map(one => rows.map(one))
}
