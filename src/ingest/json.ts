import { isFields } from './fields.ts'
import type { Fields } from './fields.ts'

const DEEPEST = 16
// Of members and elements; a whole deal with all its own fields has some hundreds.
const MOST_COMMAS = 1000
const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Reads a JSON body; null when it is not JSON, not an object, nested deeper than 16, or of more than about 1000 members
 * and elements. Of a repeated member the last one counts. `__proto__` is a member like any other and changes no prototype.
 */
export function parseJson (text: string): Fields | null {
  if (isTooMuch(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : null
  } catch {
    return null
  }
}

/** Walks over the text before the parser does: the parser would build what a bomb describes. */
function isTooMuch (text: string): boolean {
  let depth = 0
  let commas = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === 0x7b || code === 0x5b) { if (++depth > DEEPEST) return true } else if (code === 0x7d || code === 0x5d) depth--
    else if (code === COMMA && ++commas > MOST_COMMAS) return true
  }
  return false
}
