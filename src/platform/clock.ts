import { randomFillSync } from 'node:crypto'

/** Milliseconds since 1970, UTC. The one place that reads the wall clock. */
export function now (): number {
  return Date.now()
}

/** Milliseconds on a clock that never steps; only differences mean anything. */
export function monotonicMs (): number {
  return performance.now()
}

const ID_BYTES = 10
// Chance is drawn for 400 ids at once: asking the system for each cost 8 % of ingest's time.
const chance = Buffer.alloc(ID_BYTES * 400)
let drawn = chance.length

/** A UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, then chance; ids made later sort later, by millisecond. */
export function uuidv7 (): string {
  if (drawn === chance.length) {
    randomFillSync(chance)
    drawn = 0
  }
  chance[drawn] = (chance[drawn] ?? 0) & 0x0f | 0x70
  chance[drawn + 2] = (chance[drawn + 2] ?? 0) & 0x3f | 0x80
  const time = now().toString(16).padStart(12, '0')
  const rest = chance.toString('hex', drawn, drawn + ID_BYTES)
  drawn += ID_BYTES
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest.slice(0, 4)}-${rest.slice(4, 8)}-${rest.slice(8)}`
}
