import { z } from 'zod'
import { ROLES } from './access.ts'
import { BODIES } from './body.ts'
import { DEAL_STATES } from '../projections/deal/read.ts'
import { TRANSFER_OUTCOMES } from '../projections/transfer/read.ts'
import { DEAL_COLUMNS, TIMELINE_COLUMNS } from './routes/deals.ts'
import { ATTENTION_COLUMNS, FUNNEL_COLUMNS, HOUR_COLUMNS } from './routes/overview.ts'
import { TRANSFER_COLUMNS } from './routes/transfers.ts'

type Schema = Readonly<Record<string, unknown>>

const count: Schema = { type: 'integer', minimum: 0 }
const parameters: Record<string, Schema> = {
  portal: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]{0,40}$' },
  deal_id: { type: 'integer', minimum: 1 },
  from: { type: 'string', format: 'date-time', description: 'not before this instant' },
  to: { type: 'string', format: 'date-time', description: 'before this instant' },
  cursor: { type: 'string', description: 'the cursor of the page before; JSON only' },
  limit: { type: 'integer', minimum: 1, maximum: 500, default: 50, description: 'rows of a page; JSON only' }
}

/** The description of this API (OpenAPI 3.1), from the same tables that the routes use; a test compares both. */
export function openapi (): Schema {
  const paths: Record<string, Schema> = {
    '/': { get: { summary: 'The live page', security: [], responses: { 200: { description: 'The page', content: { 'text/html': {} } } } } },
    '/openapi.json': { get: { summary: 'This description', security: [], responses: { 200: json('This description', { type: 'object' }) } } },
    '/v1/summary': one('How many signals there are and how they ended', summarySchema()),
    '/v1/events': { get: { summary: 'The summary whenever it changes, as server-sent events', responses: { 200: { description: 'event: summary', content: { 'text/event-stream': {} } }, ...problems } } },
    '/v1/deals': list('Deals by their last signal, newest first', DEAL_COLUMNS, { filters: { ...pick('portal', 'from', 'to'), state: words(DEAL_STATES) } }),
    '/v1/deals/{portal}/{id}': one('One deal', row(DEAL_COLUMNS), ['portal', 'id']),
    '/v1/deals/{portal}/{id}/timeline': list('What happened to a deal, oldest first', TIMELINE_COLUMNS, { filters: {}, path: ['portal', 'id'] }),
    '/v1/transfers': list('Outcomes, newest first', TRANSFER_COLUMNS, { filters: { ...pick('portal', 'deal_id', 'from', 'to'), outcome: words(TRANSFER_OUTCOMES) } }),
    '/v1/attention': list('Deals that wait for a person, a later try or a look-up', ATTENTION_COLUMNS, { filters: { ...pick('portal'), state: words(['parked', 'deferred', 'unknown']) } }),
    '/v1/funnel': list('Deals and sums per portal, stage and currency', FUNNEL_COLUMNS, { filters: pick('portal') }),
    '/v1/portals/{name}/hours': list('A portal hour by hour (UTC), newest first', HOUR_COLUMNS, { filters: pick('from', 'to'), path: ['name'] }),
    '/v1/parked/release': order('One more attempt for parked deals: by exactly one of all, reason and deals', BODIES.release, 'released'),
    '/v1/parked/skip': order('Lets parked deals be until their next change', BODIES.named, 'skipped'),
    '/v1/parked/hold': order('Transfers nothing of parked deals until they are released by name', BODIES.named, 'held'),
    '/v1/parked/edit': order('One more attempt for one parked deal with these values in place of the mapping\'s', BODIES.edit, 'edited')
  }
  return {
    openapi: '3.1.0',
    info: { title: 'dealbridge query', version: '1', description: `Addresses without a key: ${Object.keys(ROLES).filter(route => ROLES[route] === 'public').join(', ')}.` },
    security: [{ key: [] }, { bearer: [] }],
    components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-API-Key' }, bearer: { type: 'http', scheme: 'bearer' } } },
    paths
  }
}

const problems = refusing([400, 'A parameter is wrong; detail says what would be right'], [404, 'Not there, or not for this key'], [503, 'The database is away; try again'])

function refusing (...refusals: readonly (readonly [status: number, description: string])[]): Schema {
  return Object.fromEntries([[401, 'No valid key'] as const, ...refusals].map(([status, description]) => [status, { description, content: { 'application/problem+json': {} } }]))
}

function json (description: string, schema: Schema): Schema {
  return { description, content: { 'application/json': { schema } } }
}

function pick (...names: string[]): Record<string, Schema> {
  return Object.fromEntries(names.map(name => [name, parameters[name] ?? {}]))
}

function words (list: readonly string[]): Schema {
  return { type: 'string', enum: list }
}

function row (columns: readonly string[]): Schema {
  return { type: 'object', properties: Object.fromEntries(columns.map(column => [column, { type: columnType(column) }])) }
}

function columnType (column: string): string[] {
  if (/^(deal_id|target_deal_id|attempts|signals|open|attempt_no|tries|duration_ms|mapping_version|deals|landed|skipped|parked|deferred|unknown|log_offset)$/.test(column)) return ['integer', 'null']
  return /seconds/.test(column) ? ['number', 'null'] : ['string', 'null']
}

function inPath (names: readonly string[]): Schema[] {
  return names.map(name => ({ name, in: 'path', required: true, schema: name === 'id' ? parameters.deal_id : parameters.portal }))
}

function one (summary: string, schema: Schema, path: readonly string[] = []): Schema {
  return { get: { summary, parameters: inPath(path), responses: { 200: json(summary, schema), ...problems } } }
}

function list (summary: string, columns: readonly string[], asked: { readonly filters: Record<string, Schema>, readonly path?: readonly string[] }): Schema {
  const { filters, path = [] } = asked
  const query = Object.entries({ ...filters, ...pick('cursor', 'limit') }).map(([name, schema]) => ({ name, in: 'query', schema }))
  const page = { type: 'object', required: ['items', 'cursor'], properties: { items: { type: 'array', items: row(columns) }, cursor: { type: ['string', 'null'] } } }
  const content = { 'application/json': { schema: page }, 'text/csv': {}, 'application/x-ndjson': {} }
  return { get: { summary: `${summary}; as CSV and NDJSON with all rows`, parameters: [...inPath(path), ...query], responses: { 200: { description: summary, content }, ...problems } } }
}

/** An order of an operator; for many deals at once the answer says `more`, and the same body with its `cursor` goes on. */
function order (summary: string, body: z.ZodType, done: string): Schema {
  const left = { type: 'array', items: { type: 'object', properties: { deal: { type: 'string' }, why: { type: 'string' } } } }
  const answer = (counted: string): Schema => ({ type: 'object', required: [counted, 'left'], properties: { [counted]: count, left, held_left: count, more: { type: 'boolean' }, cursor: { type: 'string' } } })
  const refusals = refusing([400, 'The body is wrong; detail says what would be right'], [403, 'Only operators'], [409, 'The deal cannot be ordered so as it stands'], [413, 'The body is too large'], [415, 'Not JSON'], [503, 'The log or the database is away, and what was not given will not be given later; try again'])
  return {
    post: {
      summary: `${summary} (role operator)`,
      requestBody: { required: true, content: { 'application/json': { schema: z.toJSONSchema(body, { io: 'input' }) } } },
      responses: { 200: json('With dry_run: what would be done; nothing was', answer('would')), 202: json('The orders are in the log for good; their ends come later', answer(done)), ...refusals }
    }
  }
}

function summarySchema (): Schema {
  const ends = { type: 'object', properties: { applied: count, unchanged: count, superseded: count, skipped: count, parked: count } }
  const sums = { signals: count, open: count, ends, deferred: count, unknown: count }
  const lag = { type: 'object', properties: { signals: { type: ['integer', 'null'] }, transfers: { type: ['integer', 'null'] } } }
  return { type: 'object', properties: { ...sums, lag, portals: { type: 'object', additionalProperties: { type: 'object', properties: { ...sums, backlog: count, clears_at: { type: ['string', 'null'], format: 'date-time' } } } } } }
}
