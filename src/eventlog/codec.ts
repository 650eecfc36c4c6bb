import avsc from 'avsc'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AppError } from '../platform/errors.ts'
import { messageOf } from '../platform/logger.ts'
import type { SchemaIds } from '../platform/schema-registry.ts'
import type { DomainEvent } from './port.ts'
import { loadSchemas } from './schemas.ts'
import type { EventSchema } from './schemas.ts'
import { upcast } from './upcast.ts'

/** Events to the registry's wire format and back: byte 0, schema id (4 bytes), Avro body. */
export interface Codec {
  encode (event: DomainEvent): Promise<Buffer>
  /** Throws `registry_away` (retryable: wait) or `record_undecodable` (quarantine). */
  decode (bytes: Buffer): Promise<DomainEvent>
}

interface OwnSchema extends EventSchema { readonly type: avsc.Type }
interface Reader { readonly schema: OwnSchema, readonly type: avsc.Type, readonly resolver: avsc.Resolver | undefined }

const HEADER = 5

/**
 * Ids are remembered in `dataDir/schema-ids.json`, so that an outage of the registry stops nobody who has met a schema
 * before. Resolvers are cached per writer's id: building one costs a hundred times the decoding.
 */
export function createCodec (registry: SchemaIds, dataDir: string): Codec {
  const schemas = new Map([...loadSchemas()].map(([name, schema]) => [name, { ...schema, type: typeOf(schema.text) }]))
  const memory = openMemory(dataDir)
  const writers = new Map<string, number>()
  const asked = new Map<string, Promise<number>>()
  const readers = new Map<number, Reader>()

  async function findWriterId (schema: EventSchema): Promise<number> {
    const known = memory.idOf(schema.text)
    const id = known ?? await registry.idOf(schema.subject, schema.text)
    if (known === undefined) memory.remember(id, schema.text)
    writers.set(schema.name, id)
    return id
  }

  // One question for all who wait for the same schema: answers that overtake each other would change the order of a key.
  function writerId (schema: EventSchema): Promise<number> {
    const question = asked.get(schema.name) ?? findWriterId(schema).finally(() => asked.delete(schema.name))
    asked.set(schema.name, question)
    return question
  }

  async function readerOf (id: number): Promise<Reader> {
    const cached = readers.get(id)
    if (cached !== undefined) return cached
    const remembered = memory.schemaOf(id)
    const text = remembered ?? await registry.schemaOf(id)
    const type = readable(id, () => typeOf(text))
    const schema = schemas.get((type.name ?? '').replace(/^dealbridge\./, ''))
    if (schema === undefined) throw new AppError('record_undecodable', `no event of this version is called ${type.name ?? '?'}`)
    const reader = { schema, type, resolver: text === schema.text ? undefined : readable(id, () => schema.type.createResolver(type)) }
    if (remembered === undefined) memory.remember(id, text)
    readers.set(id, reader)
    return reader
  }

  return {
    async encode (event) {
      const schema = schemas.get(event.type)
      if (schema === undefined) throw new AppError('log_refused', `there is no schema for ${event.type}`)
      const id = writers.get(event.type) ?? await writerId(schema)
      const body = schema.type.toBuffer(event.type === 'DealChangeSignalled' ? event : { ...event, coveredOffset: Number(event.coveredOffset) })
      const bytes = Buffer.allocUnsafe(HEADER + body.length)
      bytes.writeUInt8(0, 0)
      bytes.writeUInt32BE(id, 1)
      body.copy(bytes, HEADER)
      return bytes
    },
    async decode (bytes) {
      if (bytes.length < HEADER || bytes[0] !== 0) throw new AppError('record_undecodable', 'the value does not begin with the byte 0 and a schema id')
      const id = bytes.readUInt32BE(1)
      const reader = readers.get(id) ?? await readerOf(id)
      try {
        const value = reader.schema.type.fromBuffer(bytes.subarray(HEADER), reader.resolver) as Record<string, unknown>
        return upcast(reader.schema.name, value)
      } catch (error) {
        throw new AppError('record_undecodable', `the bytes do not fit schema ${id} (${reader.schema.name}): ${messageOf(error)}`, { cause: error })
      }
    }
  }
}

/** A schema that cannot be read, or not by ours, makes its records undecodable: waiting would not help. */
function readable<T> (id: number, build: () => T): T {
  try {
    return build()
  } catch (error) {
    throw new AppError('record_undecodable', `schema ${id} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function typeOf (text: string): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(text) as avsc.Schema)
}

interface IdMemory { idOf (text: string): number | undefined, schemaOf (id: number): string | undefined, remember (id: number, text: string): void }

function openMemory (dataDir: string): IdMemory {
  const file = path.join(dataDir, 'schema-ids.json')
  const texts = new Map<number, string>(Object.entries(readMemory(file)).map(([id, text]) => [Number(id), text]))
  return {
    idOf: text => [...texts].find(([, known]) => known === text)?.[0],
    schemaOf: id => texts.get(id),
    remember (id, text) {
      texts.set(id, text)
      mkdirSync(dataDir, { recursive: true })
      // Renamed into place: a kill in the middle leaves the old file.
      const draft = `${file}.${process.pid}`
      writeFileSync(draft, JSON.stringify(Object.fromEntries(texts)))
      renameSync(draft, file)
    }
  }
}

function readMemory (file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  } catch {
    return {} // Absent or torn: the registry is asked again.
  }
}
