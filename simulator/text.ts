/** A value as PHP would print it: null is empty, numbers and texts as they are. */
export function asText (value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '' : JSON.stringify(value)
}
