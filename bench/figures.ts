/** The value below which a share of the sorted numbers lies; NaN of none. */
export function at (sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

/** What a bench prints of sorted waiting times, in ms. */
export function shares (sorted: readonly number[]): { readonly changes: number, readonly medianMs: number, readonly p95Ms: number, readonly slowestMs: number } {
  return { changes: sorted.length, medianMs: round(at(sorted, 0.5)), p95Ms: round(at(sorted, 0.95)), slowestMs: round(sorted.at(-1) ?? NaN) }
}

/** Two digits behind the point. */
export function round (value: number): number {
  return Math.round(value * 100) / 100
}
