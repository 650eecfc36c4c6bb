// Where everything stands, and which versions are brought.
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const KAFKA = '4.3.1'
export const REGISTRY = '3.3.3'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
export const home = path.join(root, '.dealbridge')
export const downloads = path.join(home, 'downloads')
/** What was found and brought, for `dealbridge parts`. */
export const recordFile = path.join(home, 'parts.json')
export const modules = path.join(root, 'node_modules')

export const asRoot = process.getuid?.() === 0
export const windows = process.platform === 'win32'

/** The file name of a program. */
export function executable (name) {
  return windows ? `${name}.exe` : name
}
