const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** Milliseconds of a duration as the config writes it: `500ms`, `60s`, `5m`, `24h`. Throws on anything else. */
export function durationMs (text: string): number {
  const [, digits, unit] = /^([1-9][0-9]*)(ms|s|m|h)$/.exec(text) ?? []
  if (digits === undefined || unit === undefined) throw new Error('not a duration such as 60s')
  return Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS]
}
