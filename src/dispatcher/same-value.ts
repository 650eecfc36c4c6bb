import type { Json } from '../domain/mapping/mapping.ts'

/** Compares what was sent with what stands. COMMENTS come back rewritten, numbers and ids in another form (vendor page: fields). */
export function sameValue (name: string, sent: Json, stands: Json | undefined): boolean {
  if (name === 'COMMENTS') return true
  // The target keeps contacts in an order of its own.
  if (name === 'CONTACT_IDS') return listed(sent) === listed(stands)
  const [a, b] = [plain(name, sent), plain(name, stands)]
  if (a === b) return true
  if (a !== '' && b !== '' && Number.isFinite(Number(a)) && Number(a) === Number(b)) return true
  const [timeA, timeB] = [Date.parse(a), Date.parse(b)]
  return /^\d{4}-\d{2}-\d{2}/.test(a) && !Number.isNaN(timeA) && timeA === timeB
}

function plain (name: string, value: Json | undefined): string {
  if (value === null || value === undefined || value === false) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return name === 'COMPANY_ID' && text === '0' ? '' : text
}

function listed (value: Json | undefined): string {
  return Array.isArray(value) ? value.map(String).toSorted().join() : ''
}
