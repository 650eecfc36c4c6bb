import { crc32 } from 'node:zlib'

/** Length and CRC-32 before each record, both unsigned, little-endian. */
const HEAD = 8
// Far above any signal: a length beyond it is no length.
const LARGEST = 1_000_000

/** One record as it stands in a segment. */
export function encodeRecord (payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD + payload.length)
  bytes.writeUInt32LE(payload.length, 0)
  bytes.writeUInt32LE(crc32(payload), 4)
  payload.copy(bytes, HEAD)
  return bytes
}

/**
 * Whole records from the beginning of `bytes`, and what follows them: nothing, a record that was cut while it was written
 * (a kill, a power loss: it was never answered), or bytes that were changed afterwards although more records follow.
 */
export interface Scan { readonly payloads: readonly Buffer[], readonly length: number, readonly rest: 'none' | 'torn' | 'damaged' }

export function scanRecords (bytes: Buffer): Scan {
  const payloads: Buffer[] = []
  let at = 0
  while (at + HEAD <= bytes.length) {
    const length = bytes.readUInt32LE(at)
    const end = at + HEAD + length
    if (length === 0 || length > LARGEST) return { payloads, length: at, rest: isBlank(bytes.subarray(at)) ? 'torn' : 'damaged' }
    if (end > bytes.length) return { payloads, length: at, rest: 'torn' }
    const payload = bytes.subarray(at + HEAD, end)
    if (crc32(payload) !== bytes.readUInt32LE(at + 4)) return { payloads, length: at, rest: end === bytes.length || isBlank(bytes.subarray(end)) ? 'torn' : 'damaged' }
    payloads.push(payload)
    at = end
  }
  return { payloads, length: at, rest: at === bytes.length ? 'none' : 'torn' }
}

/** A file that grew without its bytes reads as zeros after a power loss. */
function isBlank (bytes: Buffer): boolean {
  return bytes.every(byte => byte === 0)
}
