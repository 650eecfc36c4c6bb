import type { CarriedKind, MultiChange } from '../domain/mapping/carried.ts'
import type { Fields, Json } from '../domain/mapping/mapping.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import { looksLikeReference } from './batch.ts'
import type { Command } from './batch.ts'
import { camelName } from './fields.ts'
import { ENTITY } from './record.ts'

/** A change of the target portal. Only the dispatcher makes one (guarantee G15). */
export type Write =
  | { readonly kind: 'create', readonly fields: Fields, readonly createdOnly: Fields, readonly originId: string }
  | { readonly kind: 'update', readonly link: string, readonly fields: Fields, readonly originId: string }
  | { readonly kind: 'delete', readonly link: string }

const DEAL = 2
const METHODS = { create: 'crm.item.add', update: 'crm.item.update', delete: 'crm.item.delete' } as const

/** The command of a write. Every created or updated deal carries the ORIGIN pair, by which it is found again. */
export function writeCommand (write: Write): Command {
  if (write.kind === 'delete') return { method: METHODS.delete, params: { entityTypeId: DEAL, id: write.link } }
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(sentFields(write))) fields[camelName(name)] = value
  fields['originatorId'] = ORIGINATOR
  fields['originId'] = write.originId
  if (write.kind === 'create') return { method: METHODS.create, params: { entityTypeId: DEAL, fields, useOriginalUfNames: 'Y' } }
  return { method: METHODS.update, params: { entityTypeId: DEAL, id: write.link, fields, useOriginalUfNames: 'Y' } }
}

/** The method by which a write is sent. */
export function writeMethod (write: Write): string {
  return METHODS[write.kind]
}

/** What a write sends; a create also the fields that are written once. */
export function sentFields (write: Write): Fields {
  if (write.kind === 'delete') return {}
  return write.kind === 'create' ? { ...write.fields, ...write.createdOnly } : write.fields
}

/** The update that takes the place of a create once the look-up has found the deal; what is written once is left out. */
export function asUpdate (write: Extract<Write, { kind: 'create' }>, link: string): Write {
  return { kind: 'update', link, fields: write.fields, originId: write.originId }
}

/** True when the write must travel alone: inside a batch the portal would replace a text that looks like a reference. */
export function mustTravelAlone (write: Write): boolean {
  return looksLikeReference(sentFields(write))
}

/** A change of a contact or company that dealbridge made, or makes; `multi` says what changes among telephones and the like. */
export type RecordWrite =
  | { readonly kind: 'create', readonly entity: CarriedKind, readonly fields: Fields, readonly multi: MultiChange, readonly originId: string }
  | { readonly kind: 'update', readonly entity: CarriedKind, readonly link: string, readonly fields: Fields, readonly multi: MultiChange, readonly originId: string }

/** The command of a record's write, with the ORIGIN pair by which it is found again. */
export function recordWriteCommand (write: RecordWrite): Command {
  const fields: Record<string, Json> = { originatorId: ORIGINATOR, originId: write.originId }
  for (const [name, value] of Object.entries(write.fields)) fields[camelName(name)] = value
  if (Object.keys(write.multi).length > 0) fields['fm'] = Object.fromEntries(Object.entries(write.multi).map(([id, { typeId, valueType, value }]) => [id, { typeId, valueType, value }]))
  const entityTypeId = ENTITY[write.entity]
  if (write.kind === 'create') return { method: METHODS.create, params: { entityTypeId, fields, useOriginalUfNames: 'Y' } }
  return { method: METHODS.update, params: { entityTypeId, id: write.link, fields, useOriginalUfNames: 'Y' } }
}

/** True when the record's write must travel alone, as a deal's. */
export function recordTravelsAlone (write: RecordWrite): boolean {
  return looksLikeReference(recordWriteCommand(write).params)
}
