import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { encodeCursor } from './filters.ts'
import type { Mark } from './filters.ts'
import { Problem } from './problem.ts'
import { csvLine, shape } from './shape.ts'
import type { Json } from './shape.ts'

/** A way through rows: gives at most `limit` of them after `mark`, in an order that `markOf` describes. */
export interface Walk<Row> {
  readonly page: (mark: Mark | null, limit: number) => Promise<Row[]>
  readonly markOf: (row: Row) => Mark
}

/** A list as callers see it. `walk` serves pages; `exportWalk`, where it differs, serves whole exports. */
export interface List<Row extends object> {
  readonly columns: readonly string[]
  readonly decimals?: readonly string[]
  readonly walk: Walk<Row>
  readonly exportWalk?: Walk<Row>
}

const EXPORT_PAGE = 500
type Format = 'application/json' | 'text/csv' | 'application/x-ndjson'

/**
 * Answers a list in the form that `Accept` asks for: one page of JSON with a cursor, or all rows as CSV or NDJSON,
 * read and sent a page at a time, so that neither side holds all of them.
 */
export async function sendList<Row extends object> (request: FastifyRequest, reply: FastifyReply, list: List<Row> & { readonly mark: Mark | null, readonly limit: number }): Promise<unknown> {
  const format = formatOf(request.headers.accept ?? '')
  void reply.header('vary', 'Accept').header('cache-control', 'no-store')
  if (format === 'application/json') return await onePage(list)
  const rows = allRows(list, list.exportWalk ?? list.walk)
  // The first page is read before the answer begins, so that a database that is away is a 503 and not a torn file.
  const first = await rows.next()
  const lines = format === 'text/csv' ? csv(list.columns, first, rows) : ndjson(first, rows)
  return await reply.type(`${format}; charset=utf-8`).send(Readable.from(lines))
}

async function onePage<Row extends object> (list: List<Row> & { mark: Mark | null, limit: number }): Promise<{ items: unknown[], cursor: string | null }> {
  const rows = await list.walk.page(list.mark, list.limit + 1)
  const last = rows.length > list.limit ? rows[list.limit - 1] : undefined
  const items = rows.slice(0, list.limit).map(row => shape(row, list.columns, list.decimals))
  return { items, cursor: last === undefined ? null : encodeCursor(list.walk.markOf(last)) }
}

type Page = Record<string, Json>[]

async function* allRows<Row extends object> (list: List<Row>, walk: Walk<Row>): AsyncGenerator<Page, undefined> {
  let mark: Mark | null = null
  for (;;) {
    const rows: Row[] = await walk.page(mark, EXPORT_PAGE)
    if (rows.length > 0) yield rows.map(row => shape(row, list.columns, list.decimals))
    const last = rows.at(-1)
    if (last === undefined || rows.length < EXPORT_PAGE) return
    mark = walk.markOf(last)
  }
}

async function* csv (columns: readonly string[], first: IteratorResult<Page, undefined>, rest: AsyncGenerator<Page, undefined>): AsyncGenerator<string> {
  yield csvLine(columns)
  const lines = (page: Page): string => page.map(row => csvLine(columns.map(column => row[column] ?? null))).join('')
  if (first.done !== true) yield lines(first.value)
  for await (const page of rest) yield lines(page)
}

async function* ndjson (first: IteratorResult<Page, undefined>, rest: AsyncGenerator<Page, undefined>): AsyncGenerator<string> {
  const lines = (page: Page): string => page.map(row => `${JSON.stringify(row)}\n`).join('')
  if (first.done !== true) yield lines(first.value)
  for await (const page of rest) yield lines(page)
}

function formatOf (accept: string): Format {
  const wanted = accept.split(',').map(part => part.split(';')[0]?.trim().toLowerCase() ?? '')
  for (const type of wanted) {
    if (type === '' || type === '*/*' || type === 'application/*' || type === 'application/json') return 'application/json'
    if (type === 'text/csv' || type === 'application/x-ndjson') return type
  }
  throw new Problem(406, 'Not acceptable', 'Lists come as application/json, text/csv or application/x-ndjson; name one of them in Accept.')
}
