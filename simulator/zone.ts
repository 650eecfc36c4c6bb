/** Minutes east of UTC of an offset such as `+03:00` or `-05:00`. */
export function offsetMinutes (zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  return zone.startsWith('-') ? -minutes : minutes
}

/** An instant as a portal writes it: second resolution, the portal's own offset. */
export function isoInZone (at: number, zone: string): string {
  return new Date(at + offsetMinutes(zone) * 60_000).toISOString().slice(0, 19) + zone
}

/** A date field is shown as the instant 00:00 UTC of its day, in the portal's zone. */
export function dateInZone (day: string, zone: string): string {
  return isoInZone(Date.parse(`${day}T00:00:00Z`), zone)
}

/** Milliseconds of what a caller wrote, whole seconds; a text without an offset is the portal's time; null when unreadable. */
export function parseInstant (text: string, zone: string): number | null {
  const trimmed = text.trim().replace(' ', 'T')
  const russian = /^(\d\d)\.(\d\d)\.(\d{4})(?:T(\d\d:\d\d(?::\d\d)?))?$/.exec(trimmed)
  const iso = russian === null ? trimmed : `${russian[3]}-${russian[2]}-${russian[1]}T${russian[4] ?? '00:00:00'}`
  const full = /^\d{4}-\d\d-\d\d$/.test(iso) ? `${iso}T00:00:00` : iso
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(full) ? full : full + zone)
  return Number.isNaN(at) ? null : Math.floor(at / 1000) * 1000
}

/** The day a caller wrote, `YYYY-MM-DD`; null when unreadable. */
export function parseDay (text: string): string | null {
  const russian = /^(\d\d)\.(\d\d)\.(\d{4})/.exec(text.trim())
  const day = russian === null ? text.trim().slice(0, 10) : `${russian[3]}-${russian[2]}-${russian[1]}`
  return /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? day : null
}
