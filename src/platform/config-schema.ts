import { z } from 'zod'

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, 'a name of lower-case letters, digits, - and _')
const text = z.string().min(1).max(2000)
const port = z.number().int().min(0).max(65535)
const apiKey = z.string().length(32, 'an API key has exactly 32 characters')
const duration = z.string().regex(/^[1-9][0-9]*(ms|s|m|h)$/, 'a duration such as 60s, 5m or 500ms')

/** How much a portal allows: requests a second, its burst, and seconds of method time in ten minutes (vendor page: limits). */
const limits = z.strictObject({
  per_second: z.number().positive().max(1000).default(2),
  burst: z.number().int().min(10).max(100000).default(50),
  operating_seconds: z.number().positive().max(100000).default(480)
})

const portal = z.strictObject({
  name,
  role: z.enum(['source', 'target', 'both']),
  domain: text,
  rest_url: z.url({ protocol: /^https?$/ }).optional(),
  signal_secret: z.string().min(8, 'at least 8 characters').max(200).regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, - and _').optional(),
  application_tokens: z.array(text).max(50).default([]),
  member_id: z.string().max(64).optional(),
  quota: z.number().gt(0, 'more than 0 and at most 1').max(1, 'more than 0 and at most 1').optional(),
  limits: limits.default({ per_second: 2, burst: 50, operating_seconds: 480 })
})

const ingestKey = z.strictObject({ name, key: apiKey })
const queryKey = z.strictObject({ name, key: apiKey, role: z.enum(['analyst', 'operator', 'partner']), portal: name.optional() })

/** The config file, after `${ENV}` and `_file` have been resolved. dealbridge.example.yaml documents every key. */
export const configSchema = z.strictObject({
  version: z.literal(1),
  kafka: z.strictObject({ brokers: z.array(text).min(1).max(50), ssl: z.boolean().optional(), sasl: z.strictObject({ mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']), username: text, password: text }).optional() }),
  registry: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }),
  postgres: z.strictObject({ url: z.url({ protocol: /^postgres(ql)?$/ }), analyst_password: z.string().min(8).max(200).optional() }),
  redis: z.strictObject({ url: z.url({ protocol: /^rediss?$/ }) }),
  data_dir: text.default('./data'),
  log_level: z.enum(['debug', 'info', 'warning', 'error']).default('info'),
  ingest: z.strictObject({ host: text.default('127.0.0.1'), port: port.default(8000), api_keys: z.array(ingestKey).max(1000).default([]), spool_mb: z.number().int().min(1).max(1_000_000).default(1024) }).prefault({}),
  query: z.strictObject({ host: text.default('127.0.0.1'), port: port.default(8010), api_keys: z.array(queryKey).max(1000).default([]) }).prefault({}),
  admin: z.strictObject({ host: text.default('127.0.0.1'), port_base: port.default(8090) }).prefault({}),
  allowed_domains: z.array(text).max(1000).default(['*.bitrix24.ru']),
  egress_address: z.string().regex(/^[A-Za-z0-9.:_-]{1,60}$/, 'letters, digits, and . : _ -').default('default'),
  oauth_servers: z.array(text).max(20).default(['https://oauth.bitrix24.tech', 'https://oauth.bitrix.info']),
  sweep: z.strictObject({ every: duration.default('60s'), full_every: duration.default('24h'), backfill: z.boolean().default(true) }).prefault({}),
  portals: z.array(portal).min(1).max(10000),
  routes: z.array(z.strictObject({ from: z.union([name, z.literal('*')]), to: name, mapping: text })).min(1).max(10000)
})

export type FileConfig = z.infer<typeof configSchema>
export type PortalConfig = FileConfig['portals'][number]

const fieldName = z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'a field name of Bitrix24 in capitals, such as TITLE or UF_CRM_X')
const computed = z.union([text, z.strictObject({ expr: text, when: z.enum(['always', 'created']).default('always') })])

/** Contacts or companies that go with their deals: which fields, and how one that is there already is recognised. */
const carried = { carry: z.literal(true), fields: z.record(fieldName, fieldName).refine(fields => Object.keys(fields).length > 0, 'name at least one field, such as { NAME: NAME }') }
const contacts = z.strictObject({ ...carried, match: z.array(z.enum(['origin', 'phone', 'email'])).max(10).default(['origin', 'phone', 'email']) })
const companies = z.strictObject({ ...carried, match: z.array(z.enum(['origin', 'title', 'phone', 'email'])).max(10).default(['origin', 'title']) })
const left = z.strictObject({ carry: z.literal(false) })

/** A mapping file (contract 3); `version` is stamped into every transfer. */
export const mappingSchema = z.strictObject({
  version: z.number().int().positive(),
  target_category: z.number().int().min(0).default(0),
  stages: z.record(z.string().min(1).max(100), z.string().min(1).max(100)).default({}),
  unmapped_stage: z.enum(['park', 'keep', 'skip']).default('park'),
  fields: z.record(fieldName, fieldName).default({}),
  computed: z.record(fieldName, computed).default({}),
  contacts: z.discriminatedUnion('carry', [left, contacts]).optional(),
  companies: z.discriminatedUnion('carry', [left, companies]).optional(),
  on_delete: z.enum(['ignore', 'close', 'delete']).default('ignore'),
  on_target_missing: z.enum(['park', 'recreate']).default('park')
})

export type MappingFile = z.infer<typeof mappingSchema>
