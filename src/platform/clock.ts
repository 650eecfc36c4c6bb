import { randomBytes } from 'node:crypto'

/** Milliseconds since 1970, UTC. The one place that reads the wall clock. */
export function now (): number {
  return Date.now()
}

/** Milliseconds on a clock that never steps; only differences mean anything. */
export function monotonicMs (): number {
  return performance.now()
}

/** A UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, then chance; ids made later sort later, by millisecond. */
export function uuidv7 (): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now(), 0, 6)
  bytes[6] = (bytes[6] ?? 0) & 0x0f | 0x70
  bytes[8] = (bytes[8] ?? 0) & 0x3f | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
