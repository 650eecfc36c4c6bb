import { z } from 'zod'
import type { CarriedKind, Match, RecordRef, StandingMulti } from '../domain/mapping/carried.ts'
import type { Fields, Json } from '../domain/mapping/mapping.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { now } from '../platform/clock.ts'
import { BATCH_SIZE, looksLikeReference } from './batch.ts'
import type { Command } from './batch.ts'
import type { PortalClient } from './client.ts'
import { snapshotOf } from './fields.ts'
import { LOOK_UP_METHOD, READ_SIZE, items, portalId, readItem } from './read.ts'
import type { Fate } from './response.ts'
import { NO_PAGE } from './stretch.ts'

/** Contact and company of crm.item.* (vendor page: entityTypeId). */
export const ENTITY = { contact: 3, company: 4 } as const

/** A contact or company as a portal shows it: its fields with PHONE, EMAIL, WEB and IM as lists of VALUE and VALUE_TYPE, and the same values with their ids. */
export interface PortalRecord { readonly id: string, readonly fields: Fields, readonly multi: readonly StandingMulti[] }

/** What a source portal said about records; one that is gone or not shown to us is left out. `beganAt` is the portal's clock (ms). */
export type RecordsRead =
  | { readonly kind: 'read', readonly beganAt: number, readonly records: ReadonlyMap<string, PortalRecord> }
  | { readonly kind: 'failed', readonly failure: Failure }

const multi = z.array(z.looseObject({ id: portalId, typeId: z.string(), valueType: z.string().catch(''), value: z.union([z.string(), z.number()]).transform(String) }))
// PHP writes an empty map as [].
const found = z.union([z.array(z.unknown()).length(0).transform(() => ({})), z.record(z.string(), z.array(portalId))])

/** How many records one request reads; a list of each kind may be left half empty. */
export const RECORDS_SIZE = READ_SIZE - BATCH_SIZE

/** The name of a record among those of a portal. */
export function refKey ({ kind, sourceId }: RecordRef): string {
  return `${kind}:${sourceId}`
}

/**
 * Reads contacts and companies, up to `RECORDS_SIZE` of them in one request. A list is silent about a record that is gone and about one
 * we may not see; the deal goes without either. Refusing the whole list (no right to see contacts) is the same silence.
 */
export async function readRecords (client: PortalClient, refs: readonly RecordRef[], signal: AbortSignal): Promise<RecordsRead> {
  const began = now()
  if (refs.length === 0) return { kind: 'read', beganAt: began, records: new Map() }
  if (refs.length > RECORDS_SIZE) {
    const first = await readRecords(client, refs.slice(0, RECORDS_SIZE), signal)
    const rest = first.kind === 'failed' ? first : await readRecords(client, refs.slice(RECORDS_SIZE), signal)
    return first.kind === 'failed' || rest.kind === 'failed' ? rest : { ...first, records: new Map([...first.records, ...rest.records]) }
  }
  const lists = new Map<string, { kind: CarriedKind, command: Command }>()
  for (const [kind, own] of Map.groupBy(refs, ref => ref.kind)) {
    for (let at = 0; at < own.length; at += BATCH_SIZE) lists.set(`${kind}${at}`, { kind, command: idsCommand(kind, own.slice(at, at + BATCH_SIZE).map(ref => ref.sourceId)) })
  }
  const answer = await client.batch(new Map([...lists].map(([key, { command }]) => [key, command])), { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer
  const records = new Map<string, PortalRecord>()
  for (const [key, { kind }] of lists) {
    const fate = answer.fate(key)
    if (fate.kind === 'failed' && (fate.failure.class === 'permanent' || fate.failure.class === 'missing')) continue
    const page = fate.kind === 'ok' ? readPage(fate.result) : undefined
    if (page === undefined) return { kind: 'failed', failure: fate.kind === 'failed' ? fate.failure : NO_PAGE }
    for (const record of page) records.set(refKey({ kind, sourceId: record.id }), record)
  }
  return { kind: 'read', beganAt: answer.portalNow ?? began, records }
}

function idsCommand (kind: CarriedKind, ids: readonly string[]): Command {
  return { method: LOOK_UP_METHOD, params: { entityTypeId: ENTITY[kind], select: ['*', 'UF_*'], filter: { '@id': ids }, order: { id: 'ASC' }, start: -1, useOriginalUfNames: 'Y' } }
}

/** Asks the target for the records of a kind that carry these ORIGIN_IDs of ours; at most 50, which is one page. */
export function originCommand (kind: CarriedKind, originIds: readonly string[]): Command {
  return { method: LOOK_UP_METHOD, params: { entityTypeId: ENTITY[kind], select: ['*', 'UF_*'], filter: { '=originatorId': ORIGINATOR, '@originId': originIds }, order: { id: 'ASC' }, start: -1, useOriginalUfNames: 'Y' } }
}

/** Asks the target for one record by its id. */
export function recordCommand (kind: CarriedKind, id: string): Command {
  return { method: 'crm.item.get', params: { entityTypeId: ENTITY[kind], id, useOriginalUfNames: 'Y' } }
}

/** Asks the target for records that have one of these values; null when there is nothing to ask, also for a text that looks like a batch reference. */
export function matchCommand (kind: CarriedKind, match: Match): Command | null {
  const values = match.values.filter(value => !looksLikeReference(value)).slice(0, 20)
  if (values.length === 0) return null
  if (match.by !== 'title') return { method: 'crm.duplicate.findbycomm', params: { type: match.by.toUpperCase(), values, entity_type: kind.toUpperCase() } }
  return { method: LOOK_UP_METHOD, params: { entityTypeId: ENTITY[kind], select: ['id', 'title'], filter: { '=title': values[0] ?? '' }, order: { id: 'ASC' }, start: -1 } }
}

/** The oldest record of a match; null when there is none, undefined when the answer does not tell. */
export function readMatch (kind: CarriedKind, match: Match, result: unknown): string | null | undefined {
  if (match.by === 'title') {
    const same = readPage(result)?.filter(record => typeof record.fields['TITLE'] === 'string' && record.fields['TITLE'].trim() === match.values[0])
    return same === undefined ? undefined : oldest(same.map(record => record.id))
  }
  const parsed = found.safeParse(result)
  return parsed.success ? oldest((parsed.data as Record<string, string[]>)[kind.toUpperCase()] ?? []) : undefined
}

function oldest (ids: readonly string[]): string | null {
  return ids.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))[0] ?? null
}

/** The records of a look-up by ORIGIN_ID, the oldest of each; undefined when the answer is no page. */
export function readOrigins (result: unknown): ReadonlyMap<string, PortalRecord> | undefined {
  const page = readPage(result)
  if (page === undefined) return undefined
  const byOrigin = new Map<string, PortalRecord>()
  for (const record of page) {
    const origin = record.fields['ORIGIN_ID']
    if (record.fields['ORIGINATOR_ID'] === ORIGINATOR && typeof origin === 'string' && !byOrigin.has(origin)) byOrigin.set(origin, record)
  }
  return byOrigin
}

/** The record of a `get` or of a write's answer; null when it surely is not there, undefined when the answer does not tell. */
export function readRecord (fate: Fate): PortalRecord | null | undefined {
  if (fate.kind === 'failed') return fate.failure.class === 'missing' ? null : undefined
  const item = fate.kind === 'ok' ? readItem(fate.result) : undefined
  return item === undefined ? undefined : recordOf(item)
}

function readPage (result: unknown): PortalRecord[] | undefined {
  const page = items.safeParse(result)
  return page.success ? page.data.items.map(item => recordOf({ id: item.id, deal: snapshotOf(item) })) : undefined
}

function recordOf ({ id, deal }: { readonly id: string, readonly deal: Fields }): PortalRecord {
  const { FM, ...plain } = deal
  const values = multi.safeParse(FM)
  const standing = values.success ? values.data : []
  const lists: Record<string, Json> = {}
  for (const [typeId, own] of Map.groupBy(standing, each => each.typeId)) lists[typeId] = own.map(each => ({ VALUE: each.value, VALUE_TYPE: each.valueType }))
  return { id, fields: { ...plain, ...lists }, multi: standing.map(({ id: own, typeId, valueType, value }) => ({ id: own, typeId, valueType, value })) }
}
