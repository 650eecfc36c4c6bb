import avsc from 'avsc'
import { AppError } from '../platform/errors.ts'
import { messageOf } from '../platform/logger.ts'
import type { SchemaIds } from '../platform/schema-registry.ts'
import type { DomainEvent } from './port.ts'
import type { SchemaMemory } from './schema-memory.ts'
import { loadSchemas } from './schemas.ts'
import type { EventSchema } from './schemas.ts'
import { upcast } from './upcast.ts'

/** Events to the registry's wire format and back: byte 0, schema id (4 bytes), Avro body. */
export interface Codec {
  encode (event: DomainEvent): Promise<Buffer>
  /** Throws `registry_away` (retryable: wait) or `record_undecodable` (quarantine). */
  decode (bytes: Buffer): Promise<DomainEvent>
  /** Asks for the ids of all own schemas ahead, so that an outage that comes later stops no event of any kind. Never throws. */
  warm (): Promise<void>
}

interface OwnSchema extends EventSchema { readonly type: avsc.Type }
interface Reader { readonly schema: OwnSchema, readonly type: avsc.Type, readonly resolver: avsc.Resolver | undefined }

const HEADER = 5

/**
 * Ids are remembered, so that an outage of the registry stops nobody who has met a schema before. Resolvers are cached per writer's id: building one costs a hundred times the decoding.
 */
export function createCodec (registry: SchemaIds, memory: SchemaMemory): Codec {
  const schemas = new Map([...loadSchemas()].map(([name, schema]) => [name, { ...schema, type: typeOf(schema.text) }]))
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
    async warm () {
      await Promise.allSettled([...schemas.values()].map(writerId))
    },
    async encode (event) {
      const schema = schemas.get(event.type)
      if (schema === undefined) throw new AppError('log_refused', `there is no schema for ${event.type}`)
      const id = writers.get(event.type) ?? await writerId(schema)
      const body = schema.type.toBuffer(plain(event))
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

/** The event as its newest schema has it: what a writer may leave out is said, and offsets are Avro's. */
function plain (event: DomainEvent): Record<string, unknown> {
  if (event.type === 'DealChangeSignalled') return { ...event, order: event.order ?? '', edit: event.edit ?? '', editOf: event.editOf ?? '' }
  const carried = event.type === 'TransferSucceeded' ? { carried: event.carried ?? [] } : {}
  return { ...event, ...carried, coveredOffset: Number(event.coveredOffset) }
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
