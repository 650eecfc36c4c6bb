import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import http from 'node:http'
import https from 'node:https'
import TimeoutMiddleware from 'mappersmith/middleware/timeout'
import { AppError } from './errors.ts'
import { messageOf } from './logger.ts'

/** The part of a schema registry that the log needs. Schemas and subjects are Avro and plain names. */
export interface SchemaIds {
  /** The id under which exactly this schema is registered; throws `registry_away` (retryable), or `record_undecodable` when it is not there. */
  idOf (subject: string, schema: string): Promise<number>
  /** The schema of an id as JSON text; throws likewise. */
  schemaOf (id: number): Promise<string>
  /** Registers with FULL_TRANSITIVE; throws `schema_incompatible` with the registry's reason. Only `init` calls it. */
  register (subject: string, schema: string): Promise<number>
}

const TIMEOUT_MS = 1500
const UNKNOWN_MS = 30_000

/** `url` is the registry's root (then the Confluent API is looked for under /apis/ccompat/v7 too) or that API itself. */
export function connectRegistry (url: string): SchemaIds {
  let client: Promise<Client> | undefined
  const unknown = new Map<number, number>()
  const connect = (): Promise<Client> => client ??= findApi(url).then(api => ({ api, registry: make(api) })).catch((error: unknown) => { client = undefined; throw error })

  async function ask<T> (question: (registry: SchemaRegistry, api: string) => Promise<T>): Promise<T> {
    try {
      const { registry, api } = await connect()
      return await question(registry, api)
    } catch (error) {
      throw translate(error)
    }
  }

  return {
    idOf: (subject, schema) => ask(registry => registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema })),
    async schemaOf (id) {
      // The client asks again for every record of an unknown id; this keeps one bad record from flooding the registry.
      if ((unknown.get(id) ?? 0) > Date.now()) throw new AppError('record_undecodable', `the registry knows no schema ${id}`)
      try {
        const found = await ask(registry => registry.getSchema(id))
        return JSON.stringify((found as unknown as { schema (options: object): unknown }).schema({ exportAttrs: true }))
      } catch (error) {
        if (error instanceof AppError && error.code === 'record_undecodable') unknown.set(id, Date.now() + UNKNOWN_MS)
        throw error
      }
    },
    register: (subject, schema) => ask(async (registry, api) => {
      const once = async (): Promise<number> => (await registry.register({ type: SchemaType.AVRO, schema }, { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE })).id
      try {
        return await once()
      } catch (error) {
        // The client registers first and sets the rule after: cut off between the two, it would refuse the subject for ever.
        if (!/^Compatibility does not match/.test(messageOf(error))) throw error
        await demandCompatibility(api, subject)
        return await once()
      }
    })
  }
}

async function demandCompatibility (api: string, subject: string): Promise<void> {
  const url = `${api}/config/${encodeURIComponent(subject)}`
  const { request } = url.startsWith('https:') ? https : http
  const status = await new Promise<number>((resolve, reject) => {
    const put = request(url, { method: 'PUT', timeout: TIMEOUT_MS, headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    put.on('timeout', () => put.destroy(new Error('no answer in time')))
    put.on('error', reject)
    put.end(JSON.stringify({ compatibility: COMPATIBILITY.FULL_TRANSITIVE }))
  })
  if (status !== 200) throw new Error(`the rule FULL_TRANSITIVE of ${subject} could not be set: HTTP ${status}`)
}

interface Client { readonly api: string, readonly registry: SchemaRegistry }

function make (host: string): SchemaRegistry {
  const agent = host.startsWith('https:') ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
  return new SchemaRegistry({ host, agent, middlewares: [TimeoutMiddleware(TIMEOUT_MS) as never], retry: { retries: 1, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 1 } })
}

/** The address of the Confluent API: as given when it has a path, else the first of two that answers. */
async function findApi (url: string): Promise<string> {
  const base = url.replace(/\/+$/, '')
  if (new URL(url).pathname !== '/') return base
  for (const candidate of [base, `${base}/apis/ccompat/v7`]) if (await answers(`${candidate}/subjects`)) return candidate
  throw new AppError('registry_away', 'the schema registry does not answer', { retryable: true })
}

function answers (url: string): Promise<boolean> {
  const { get } = url.startsWith('https:') ? https : http
  return new Promise((resolve) => {
    const request = get(url, { timeout: TIMEOUT_MS }, (response) => {
      response.resume()
      resolve(response.statusCode === 200 && /json/.test(response.headers['content-type'] ?? ''))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}

/** 404 and 409 are answers; a 400 that speaks of a time-out or a connection is the client's word for "away". */
function translate (error: unknown): AppError {
  if (error instanceof AppError) return error
  const status = (error as { status?: number }).status
  const text = messageOf(error)
  if (status === 409 || /incompatible/i.test(text)) return new AppError('schema_incompatible', `the registry refuses the schema: it does not fit every earlier version (FULL_TRANSITIVE): ${text}`, { cause: error })
  if (status === 404 || /not found/i.test(text)) return new AppError('record_undecodable', `the registry does not know it: ${text}`, { cause: error })
  return new AppError('registry_away', `the schema registry does not answer: ${text}`, { retryable: true, cause: error })
}
