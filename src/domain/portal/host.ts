/**
 * Compiles the allow-list of portal hosts into one test.
 *
 * An entry `*.bitrix24.ru` stands for exactly one label before the literal suffix, an entry without `*` is a full
 * name. The test takes the raw string of a payload: nothing is trimmed, lower-cased or normalised before it, so what
 * is not already canonical is refused (a second spelling would be a second key for one portal).
 * A host that passes is still never called: a portal is known by its secret and its `member_id`.
 * This is the only implementation.
 */
export function createHostRule (entries: readonly string[]): (host: string) => boolean {
  const names = new Set(entries.filter(entry => !entry.startsWith('*.')))
  const patterns = entries.filter(entry => entry.startsWith('*.')).map(toPattern)
  return host => isPlain(host) && (names.has(host) || patterns.some(pattern => pattern.test(host))) && isCanonical(host)
}

function toPattern (entry: string): RegExp {
  const suffix = entry.slice(1).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?${suffix}$`)
}

// Before anything else, so that a parser never sees text that only looks like a name.
function isPlain (host: string): boolean {
  return host.length <= 253 && /^[\x21-\x7e]+$/.test(host) && !host.split('.').some(label => label.startsWith('xn--'))
}

// The second opinion: a URL parser that reads the text differently from us would connect somewhere else.
function isCanonical (host: string): boolean {
  const url = URL.parse(`https://${host}`)
  return url !== null && url.hostname === host && url.port === '' && url.username === '' && url.password === ''
}
