const QUICK_TRIES = 3
const QUICK_CAP_MS = 30_000
const SLOW_MS = [60_000, 300_000, 900_000, 3_600_000] as const

/**
 * Milliseconds until the next try after `tries` failed ones: min(1 s · 2^n, 30 s) plus up to 10 % for three quick
 * tries (specification 3.2), then 1, 5, 15 and 60 minutes. `chance` is from 0 to 1.
 */
export function retryDelayMs (tries: number, chance: number): number {
  const base = tries < QUICK_TRIES
    ? Math.min(1000 * 2 ** Math.max(0, tries), QUICK_CAP_MS)
    : SLOW_MS[Math.min(tries - QUICK_TRIES, SLOW_MS.length - 1)] ?? 3_600_000
  return Math.round(base * (1 + 0.1 * chance))
}
