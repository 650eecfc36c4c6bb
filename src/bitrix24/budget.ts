import type { Redis } from '../platform/redis.ts'
import { bucketKey } from './limiter.ts'

/** How full a portal's shared bucket is: requests in it, how many it holds, and how many leave it per second. */
export interface BudgetLevel { readonly used: number, readonly depth: number, readonly per_second: number }

// tat (when the bucket is empty, µs), interval and depth in force, and more that only the limiter reads (limiter.lua).
const STATE = /^(\d+) (\d+) \d+ ([\d.]+) /

/** Looks at a bucket and takes nothing from it; null when nobody has used it yet. `used` above `depth`: requests that wait. */
export async function readBudget (redis: Pick<Redis, 'get' | 'time'>, bucket: { readonly portal: string, readonly address: string }): Promise<BudgetLevel | null> {
  const [text, [seconds, micros]] = await Promise.all([redis.get(bucketKey(bucket)), redis.time()])
  const state = STATE.exec(text ?? '')
  if (state === null) return null
  const [tat, interval, depth] = state.slice(1).map(Number) as [number, number, number]
  const nowUs = Number(seconds) * 1e6 + Number(micros)
  return { used: Math.max(0, Math.ceil((tat - nowUs) / interval)), depth, per_second: Math.round(1e8 / interval) / 100 }
}
