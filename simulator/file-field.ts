import { createHash } from 'node:crypto'
import type { PortalSettings } from './config.ts'
import { asMap } from './params.ts'
import { asText } from './text.ts'

/** A file of a custom field as the portal keeps it. */
export interface StoredFile { id: number, name: string, content: string }

/**
 * The file after a write: `["name", "<base64>"]` is a new one, `{id}` keeps one of the many in `before`.
 * Everything else, the old family's `{"fileData": […]}` included, is accepted and stores nothing.
 */
export function storedFile (value: unknown, before: unknown, nextId: () => number): StoredFile | null {
  if (Array.isArray(value) && value.length === 2) return { id: nextId(), name: asText(value[0]), content: asText(value[1]) }
  if (!Array.isArray(before)) return value === '' || value === null ? null : before as StoredFile | undefined ?? null
  const id = Number(asMap(value)['id'])
  return (before as StoredFile[]).find(file => file.id === id) ?? null
}

/** A file as the universal family shows it; `urlMachine` carries a token. */
export function shownFile (file: unknown, settings: PortalSettings): unknown {
  const { id } = file as StoredFile
  return { id, url: `https://${settings.domain}/crm/file/?fileId=${id}`, urlMachine: `https://${settings.domain}/rest/${settings.user_id}/${settings.secret}/crm.controller.item.getFile/?token=${token(id, settings)}&id=${id}` }
}

/** A file as the old family shows it; `downloadUrl` carries a token. */
export function shownOldFile (file: unknown, settings: PortalSettings): unknown {
  const { id } = file as StoredFile
  return { id, showUrl: `/crm/file/?fileId=${id}`, downloadUrl: `/crm/file/?auth=${token(id, settings)}&fileId=${id}` }
}

const token = (id: number, settings: PortalSettings): string => createHash('md5').update(`${settings.member_id} ${id}`).digest('hex')
