import { z } from 'zod'
import type { Redis } from '../platform/redis.ts'

/**
 * How a portal stands with those who call it. stopped: it refuses everything for a reason that a person must look at.
 * failing: it does not answer, or only with errors of its own, and its circuit is open. Both are probed, and nothing else is sent.
 * `since` in ms of the epoch.
 */
export type Standing =
  | { readonly state: 'works' }
  | { readonly state: 'failing', readonly since: number }
  | { readonly state: 'stopped', readonly since: number, readonly code: string, readonly detail: string }

interface Place { readonly portal: string, readonly address: string }

// Twice the time between two words of a living dispatcher with many portals: after that nobody knows.
const KNOWN_MS = 30_000

const standing = z.discriminatedUnion('state', [
  z.object({ state: z.literal('works') }), z.object({ state: z.literal('failing'), since: z.number() }),
  z.object({ state: z.literal('stopped'), since: z.number(), code: z.string(), detail: z.string() })
])

/** Tells everybody who looks; it is forgotten after 30 s unless it is told again. Rejects when Redis is away. */
export async function tellStanding (redis: Pick<Redis, 'set'>, place: Place, told: Standing): Promise<void> {
  await redis.set(keyOf(place), JSON.stringify(told), 'PX', KNOWN_MS)
}

/** How the portal stands now; null when no dispatcher has told for 30 s. */
export async function readStanding (redis: Pick<Redis, 'get'>, place: Place): Promise<Standing | null> {
  const text = await redis.get(keyOf(place))
  return text === null ? null : standing.parse(JSON.parse(text))
}

function keyOf ({ portal, address }: Place): string {
  return `standing:{${portal}|${address}}`
}
