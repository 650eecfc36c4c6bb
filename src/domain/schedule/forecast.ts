/** What is known of one source portal's backlog: open signals now, and how many got their end within the last `overMs`. */
export interface Progress { readonly open: number, readonly ended: number, readonly overMs: number }

/** When a backlog clears at the pace of the last minutes (ms since 1970). `stuck`: something is open and nothing ended. */
export type Forecast = { readonly kind: 'clear' } | { readonly kind: 'stuck' } | { readonly kind: 'clears', readonly at: number }

// A date beyond this is no forecast: the pace of minutes says nothing about months.
const LONGEST_MS = 30 * 24 * 3_600_000

/**
 * The pace of the last minutes is what the portal's share of the budget came to, with everything that slows it down:
 * turns with other portals, quotas, method time, failures. New signals of the time until then are not foreseen.
 */
export function forecast ({ open, ended, overMs }: Progress, nowMs: number): Forecast {
  if (open <= 0) return { kind: 'clear' }
  if (ended <= 0) return { kind: 'stuck' }
  const leftMs = open * overMs / ended
  return leftMs > LONGEST_MS ? { kind: 'stuck' } : { kind: 'clears', at: nowMs + Math.ceil(leftMs) }
}
