import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { canonicalJson } from '../platform/hash.ts'

/** Which schema has which id in one registry, remembered on disk. */
export interface SchemaMemory {
  idOf (text: string): number | undefined
  schemaOf (id: number): string | undefined
  remember (id: number, text: string): void
}

/**
 * One file per id under `dataDir/schemas/<registry>/`: processes that share the folder add to it and take nothing from
 * each other. Another registry has a folder of its own, since its ids mean other schemas. An unreadable file counts as absent.
 */
export function openSchemaMemory (dataDir: string, registryUrl: string): SchemaMemory {
  const folder = path.join(dataDir, 'schemas', createHash('sha256').update(registryUrl).digest('hex').slice(0, 12))

  return {
    idOf (text) {
      const wanted = canonicalOf(text)
      const found = idsIn(folder).find(id => canonicalOf(readText(folder, id) ?? '') === wanted)
      return wanted === undefined ? undefined : found
    },
    schemaOf: id => readText(folder, id),
    remember (id, text) {
      mkdirSync(folder, { recursive: true })
      const draft = path.join(folder, `${id}.${process.pid}.draft`)
      writeFileSync(draft, text)
      // Renamed into place: a kill in the middle leaves no half a schema.
      renameSync(draft, fileOf(folder, id))
    }
  }
}

function fileOf (folder: string, id: number): string {
  return path.join(folder, `${id}.avsc`)
}

function idsIn (folder: string): number[] {
  try {
    return readdirSync(folder).flatMap(name => /^\d+\.avsc$/.test(name) ? [Number.parseInt(name)] : [])
  } catch {
    return []
  }
}

function readText (folder: string, id: number): string | undefined {
  try {
    const text = readFileSync(fileOf(folder, id), 'utf8')
    return canonicalOf(text) === undefined ? undefined : text
  } catch {
    return undefined
  }
}

/** A registry may give a schema back in another spelling. */
function canonicalOf (text: string): string | undefined {
  try {
    return canonicalJson(JSON.parse(text))
  } catch {
    return undefined
  }
}
