import { closeSync, openSync, readSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { Finding } from '../rig/evidence.ts'

/** Secrets of a run by their class, each one of its kind in the world. */
export type Canaries = Readonly<Record<string, string>>

const PIECE = 8 * 1024 * 1024
const OVERLAP = 1024

/** I14: none of the secrets is found in any file below these folders: as it is, in base64, URL-encoded, backwards, or broken over two lines. */
export function noSecret (folders: readonly string[], canaries: Canaries): Finding[] {
  const needles = Object.entries(canaries).flatMap(([name, secret]) => shapesOf(secret).map(([shape, text]) => ({ name, shape, bytes: Buffer.from(text) })))
  return folders.flatMap(filesBelow).flatMap((file) => {
    const found = new Set<string>()
    for (const piece of piecesOf(file)) for (const { name, shape, bytes } of needles) if (piece.includes(bytes)) found.add(`${name} ${shape}`)
    return [...found].map(what => ({ invariant: 'I14', about: file, what: `holds ${what}` }))
  })
}

function shapesOf (secret: string): [shape: string, text: string][] {
  const half = Math.floor(secret.length / 2)
  // Of base64 only what does not depend on the bytes before and after.
  const base64 = [0, 1, 2].map(shift => Buffer.from(' '.repeat(shift) + secret).toString('base64').slice(shift === 0 ? 0 : 4, -4))
  const encoded = [...secret].map(letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`).join('')
  return [
    ['in plain', secret], ...base64.map((text): [string, string] => ['in base64', text]), ['URL-encoded', encoded], ['backwards', [...secret].reverse().join('')],
    ['over two lines', `${secret.slice(0, half)}\n${secret.slice(half)}`]
  ]
}

function filesBelow (folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name))
}

/** A file in pieces that overlap; one that goes away meanwhile has no pieces. */
function* piecesOf (file: string): Generator<Buffer> {
  let handle: number
  try {
    // Index files of the log are sparse and hold numbers only.
    if (/\.(index|timeindex)$/.test(file)) return
    handle = openSync(file, 'r')
  } catch { return }
  try {
    const buffer = Buffer.alloc(PIECE)
    for (let at = 0; ;) {
      const count = readSync(handle, buffer, 0, PIECE, at)
      yield buffer.subarray(0, count)
      if (count < PIECE) return
      at += count - OVERLAP
    }
  } finally { closeSync(handle) }
}
