import { ORIGINATOR } from '../shared/ids.ts'
import type { CarriedRule, Fields, Json, Mapped, Mapping } from './mapping.ts'

/** The records that a deal may need beside itself. */
export type CarriedKind = 'contact' | 'company'

/** A record of the source by its kind and its id there. */
export interface RecordRef { readonly kind: CarriedKind, readonly sourceId: string }

/** Where a source record stands in the target. */
export interface CarriedLink extends RecordRef { readonly targetId: string }

/** One telephone, address or the like; `typeId` is PHONE, EMAIL, WEB or IM. */
export interface Multi { readonly typeId: string, readonly valueType: string, readonly value: string }

/** A value as it stands in a portal, with its id there. */
export interface StandingMulti extends Multi { readonly id: string }

/** What an update says of multi-fields, by the id of a value, or `n0`, `n1`… for one that is added; an empty value removes. */
export type MultiChange = Readonly<Record<string, Multi>>

const MULTI = ['PHONE', 'EMAIL', 'WEB', 'IM']
const ID = /^[1-9][0-9]{0,18}$/
// Shorter numbers are extensions and rubbish that many people share.
const SHORTEST_PHONE = 6

/** The rule for a kind of records; null when the mapping does not carry it. */
export function ruleOf (mapping: Mapping, kind: CarriedKind): CarriedRule | null {
  const rule = kind === 'contact' ? mapping.contacts : mapping.companies
  return rule?.carry === true ? rule : null
}

/** The records that a deal names, of the kinds that are carried: its company, then its contacts with the primary one first. */
export function recordsOf (mapping: Mapping, deal: Fields): RecordRef[] {
  const company = ruleOf(mapping, 'company') === null ? [] : idsIn([deal['COMPANY_ID'] ?? null])
  const listed = Array.isArray(deal['CONTACT_IDS']) ? deal['CONTACT_IDS'] as readonly Json[] : []
  const contacts = ruleOf(mapping, 'contact') === null ? [] : idsIn([deal['CONTACT_ID'] ?? null, ...listed])
  return [...company.map(sourceId => ({ kind: 'company' as const, sourceId })), ...contacts.map(sourceId => ({ kind: 'contact' as const, sourceId }))]
}

function idsIn (values: readonly Json[]): string[] {
  return [...new Set(values.map(value => typeof value === 'number' || typeof value === 'string' ? String(value) : '').filter(text => ID.test(text)))]
}

/**
 * The target's id of a source record that came from this very target; null for any other. Between two portals that are
 * both source and target it is that record, and to make it once more would double a person.
 */
export function comesFrom (target: string, record: Fields): string | null {
  const origin = record['ORIGINATOR_ID'] === ORIGINATOR ? record['ORIGIN_ID'] : null
  if (typeof origin !== 'string' || !origin.startsWith(`${target}:`)) return null
  const id = origin.slice(target.length + 1)
  return ID.test(id) ? id : null
}

/** A source record mapped to the target's fields; what it lacks is sent empty, as a deal's fields are. */
export function mapRecord (rule: CarriedRule, record: Fields): Fields {
  return Object.fromEntries(Object.entries(rule.fields).map(([from, to]) => [to, (Object.hasOwn(record, from) ? record[from] : null) ?? (MULTI.includes(to) ? [] : '')]))
}

/** The multi-fields among mapped fields, and which kinds of them are mapped at all. */
export function multiOf (fields: Fields): { readonly typeIds: readonly string[], readonly values: readonly Multi[] } {
  const typeIds = MULTI.filter(name => Object.hasOwn(fields, name))
  const values = typeIds.flatMap(typeId => (Array.isArray(fields[typeId]) ? fields[typeId] as readonly Fields[] : []).map(each => ({ typeId, valueType: text(each['VALUE_TYPE']), value: text(each['VALUE']) })))
  return { typeIds, values: values.filter(({ value }, i) => value !== '' && values.findIndex(other => isSame(other, values[i] as Multi)) === i) }
}

/** The mapped fields without the multi-fields. */
export function plainOf (fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !MULTI.includes(name)))
}

/**
 * What must be said so that the mapped kinds hold exactly the wanted values. A value that stands is left alone: to send it
 * once more would double it (vendor page: crm.item.update, fm). Null when nothing must be said.
 */
export function multiChange (fields: Fields, stands: readonly StandingMulti[]): MultiChange | null {
  const { typeIds, values } = multiOf(fields)
  const own = stands.filter(each => typeIds.includes(each.typeId))
  const change: Record<string, Multi> = {}
  const taken = new Set<string>()
  for (const value of values) {
    const there = own.find(each => isSame(each, value) && !taken.has(each.id))
    if (there === undefined) { change[`n${Object.keys(change).length}`] = value; continue }
    taken.add(there.id)
    if (value.valueType !== '' && value.valueType !== there.valueType) change[there.id] = { ...value, value: there.value }
  }
  for (const each of own) if (!taken.has(each.id)) change[each.id] = { typeId: each.typeId, valueType: each.valueType, value: '' }
  return Object.keys(change).length === 0 ? null : change
}

function isSame (a: Multi, b: Multi): boolean {
  return a.typeId === b.typeId && comparable(a.typeId, a.value) === comparable(b.typeId, b.value)
}

/** Telephones are the same by their digits, a Russian 8 being a 7; addresses without case. */
function comparable (typeId: string, value: string): string {
  if (typeId === 'EMAIL') return value.trim().toLowerCase()
  if (typeId !== 'PHONE') return value.trim()
  const digits = value.replace(/\D/g, '')
  if (digits === '') return value.trim()
  return digits.length === 11 && digits.startsWith('8') ? `7${digits.slice(1)}` : digits
}

/** By what a record may be recognised, in the order of the rule; `values` are as the source wrote them, `keys` compare. */
export interface Match { readonly by: 'phone' | 'email' | 'title', readonly values: readonly string[], readonly keys: readonly string[] }

/** What to look for when no record carries our ORIGIN pair. Empty values recognise nobody. */
export function matchesOf (rule: CarriedRule, fields: Fields): Match[] {
  const { values } = multiOf(fields)
  return rule.match.flatMap((by): Match[] => {
    if (by === 'origin') return []
    const asked = by === 'title' ? [text(fields['TITLE']).trim()].filter(title => title !== '') : values.filter(each => recognises(by, each)).map(each => each.value)
    const typeId = by.toUpperCase()
    return asked.length === 0 ? [] : [{ by, values: asked, keys: asked.map(value => `${by} ${comparable(typeId, value)}`) }]
  })
}

function recognises (by: 'phone' | 'email', { typeId, value }: Multi): boolean {
  if (by === 'email') return typeId === 'EMAIL' && value.includes('@')
  return typeId === 'PHONE' && value.replace(/\D/g, '').length >= SHORTEST_PHONE
}

/**
 * The mapped fields of a deal with its records' ids in the target; a kind that is carried and has none is emptied. The primary
 * contact is said by itself, too: a target that has it among the listed ones already would keep the one before.
 */
export function withRecords (mapped: Mapped, mapping: Mapping, links: readonly CarriedLink[]): Mapped {
  if (mapped.kind === 'no') return mapped
  const ids = (kind: CarriedKind): string[] => [...new Set(links.filter(link => link.kind === kind).map(link => link.targetId))]
  const company = ruleOf(mapping, 'company') === null ? {} : { COMPANY_ID: ids('company')[0] ?? '0' }
  const [primary] = ids('contact')
  const contacts = ruleOf(mapping, 'contact') === null ? {} : { CONTACT_IDS: ids('contact'), ...primary === undefined ? {} : { CONTACT_ID: primary } }
  return { ...mapped, fields: { ...mapped.fields, ...company, ...contacts } }
}

function text (value: Json | undefined): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}
