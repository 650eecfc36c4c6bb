import { isFields } from './fields.ts'
import type { Fields } from './fields.ts'

const DEEPEST = 16
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Reads a JSON body; null when it is not JSON, not an object, or nested deeper than 16. */
export function parseJson (text: string): Fields | null {
  if (isTooDeep(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    return isFields(value) ? value : null
  } catch {
    return null
  }
}

/** Walks over the text before the parser does: the parser would build what a bomb describes. */
function isTooDeep (text: string): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (inString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === 0x7b || code === 0x5b) { if (++depth > DEEPEST) return true } else if (code === 0x7d || code === 0x5d) depth--
  }
  return false
}
