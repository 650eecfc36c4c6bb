import type { Fields, Json } from '../domain/mapping/mapping.ts'
import { ORIGINATOR } from '../domain/transfer/decide.ts'
import { looksLikeReference } from './batch.ts'
import type { Command } from './batch.ts'
import { camelName } from './fields.ts'

/** A change of the target portal. Only the dispatcher makes one (guarantee G15). */
export type Write =
  | { readonly kind: 'create', readonly fields: Fields, readonly originId: string }
  | { readonly kind: 'update', readonly link: string, readonly fields: Fields, readonly originId: string }
  | { readonly kind: 'delete', readonly link: string }

const DEAL = 2

/** The command of a write. Every created or updated deal carries the ORIGIN pair, by which it is found again. */
export function writeCommand (write: Write): Command {
  if (write.kind === 'delete') return { method: 'crm.item.delete', params: { entityTypeId: DEAL, id: write.link } }
  const fields: Record<string, Json> = {}
  for (const [name, value] of Object.entries(write.fields)) fields[camelName(name)] = value
  fields['originatorId'] = ORIGINATOR
  fields['originId'] = write.originId
  if (write.kind === 'create') return { method: 'crm.item.add', params: { entityTypeId: DEAL, fields, useOriginalUfNames: 'Y' } }
  return { method: 'crm.item.update', params: { entityTypeId: DEAL, id: write.link, fields, useOriginalUfNames: 'Y' } }
}

/** True when the write must travel alone: inside a batch the portal would replace a text that looks like a reference. */
export function mustTravelAlone (write: Write): boolean {
  return write.kind !== 'delete' && looksLikeReference(write.fields)
}
