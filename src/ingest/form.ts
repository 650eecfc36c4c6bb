import qs from 'qs'
import type { Fields } from './fields.ts'

/**
 * Reads a form body or a query string with PHP nesting (`data[FIELDS][ID]=7`); null when it is none.
 *
 * Beyond 200 parameters, depth 4 or 20 array elements the
 * body is refused, never cut, since half a body may name another deal. Objects come without prototype.
 * A repeated key becomes an array; whoever wants a scalar there refuses it (PHP would take the last one).
 */
export function parseForm (text: string): Fields | null {
  // A cheap count first: the library splits the whole text before it looks at its own limit.
  if (countOf(text, '&') >= 200) return null
  try {
    return qs.parse(text, { parameterLimit: 200, depth: 4, arrayLimit: 20, strictDepth: true, throwOnLimitExceeded: true, plainObjects: true })
  } catch {
    return null
  }
}

function countOf (text: string, sign: string): number {
  let count = 0
  for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) count++
  return count
}
