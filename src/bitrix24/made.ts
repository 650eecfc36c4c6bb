// What dealbridge has made in a target portal, listed by id. Read-only.
import { ORIGINATOR } from '../domain/shared/ids.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { BATCH_SIZE } from './batch.ts'
import type { Command } from './batch.ts'
import type { PortalClient } from './client.ts'
import { snapshotOf } from './fields.ts'
import { LOOK_UP_METHOD, items } from './read.ts'
import { NO_PAGE } from './stretch.ts'

/** What dealbridge makes, with its number in crm.item.* (vendor page: entityTypeId). */
export const MADE = { deal: 2, contact: 3, company: 4 } as const
export type MadeKind = keyof typeof MADE

/** One that carries our ORIGINATOR_ID: its id there, and its ORIGIN_ID. */
export interface Made { readonly id: string, readonly origin: string }

type Failed = { readonly kind: 'failed', readonly failure: Failure }

// An id page is never full of more than it may show: 50 ids hold at most 50 items.
const PAGE = 50
// Two copies of each at least must fit into one page of 50.
const ORIGINS_PER_COMMAND = 10

const listCommand = (kind: MadeKind, filter: Command['params'], order: 'ASC' | 'DESC' = 'ASC'): Command =>
  ({ method: LOOK_UP_METHOD, params: { entityTypeId: MADE[kind], select: ['id', 'originId', 'originatorId'], filter: { '=originatorId': ORIGINATOR, ...filter }, order: { id: order }, start: -1 } })

/** Sends list commands in one request and gives the items of each; a page that is none fails all, since silence is no word about it. */
async function listAll (client: PortalClient, commands: readonly Command[], signal: AbortSignal): Promise<{ readonly kind: 'read', readonly pages: readonly Made[][] } | Failed> {
  const answer = await client.batch(new Map(commands.map((command, i) => [`m${i}`, command])), { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer
  const pages: Made[][] = []
  for (let i = 0; i < commands.length; i += 1) {
    const fate = answer.fate(`m${i}`)
    if (fate.kind === 'failed') return fate
    const parsed = fate.kind === 'ok' ? items.safeParse(fate.result) : undefined
    if (parsed?.success !== true) return { kind: 'failed', failure: NO_PAGE }
    pages.push(parsed.data.items.flatMap(made))
  }
  return { kind: 'read', pages }
}

/** The values are compared, not trusted to the filter. */
function made (item: { readonly id: string } & Readonly<Record<string, unknown>>): Made[] {
  const { ORIGIN_ID: origin, ORIGINATOR_ID: originator } = snapshotOf(item)
  return originator === ORIGINATOR && typeof origin === 'string' && origin !== '' ? [{ id: item.id, origin }] : []
}

/** The lowest and the highest id of a kind that dealbridge made, in one request; null when there is none. */
export async function boundsOfMade (client: PortalClient, kind: MadeKind, signal: AbortSignal): Promise<{ readonly kind: 'read', readonly bounds: { readonly first: bigint, readonly last: bigint } | null } | Failed> {
  const read = await listAll(client, [listCommand(kind, {}), listCommand(kind, {}, 'DESC')], signal)
  if (read.kind === 'failed') return read
  const [first, last] = read.pages.map(page => page[0]?.id)
  return { kind: 'read', bounds: first === undefined || last === undefined ? null : { first: BigInt(first), last: BigInt(last) } }
}

/** How many ids one request of `listMade` goes through. */
export const MADE_STEP = BigInt(PAGE * BATCH_SIZE)

/** Those of a kind with `from` ≤ id < `from` + `MADE_STEP`, in one request, however few of the ids are ours. */
export async function listMade (client: PortalClient, { kind, from }: { readonly kind: MadeKind, readonly from: bigint }, signal: AbortSignal): Promise<{ readonly kind: 'read', readonly made: readonly Made[] } | Failed> {
  const commands = Array.from({ length: BATCH_SIZE }, (_, i) => from + BigInt(i * PAGE)).map(at => listCommand(kind, { '>=id': String(at), '<id': String(at + BigInt(PAGE)) }))
  const read = await listAll(client, commands, signal)
  return read.kind === 'failed' ? read : { kind: 'read', made: read.pages.flat() }
}

/** How many origins one request of `copiesOf` asks for. */
export const COPIES_STEP = ORIGINS_PER_COMMAND * BATCH_SIZE

/** The ids, oldest first, of everything that carries these ORIGIN_IDs (at most `COPIES_STEP`), in one request. */
export async function copiesOf (client: PortalClient, { kind, origins }: { readonly kind: MadeKind, readonly origins: readonly string[] }, signal: AbortSignal): Promise<{ readonly kind: 'read', readonly copies: ReadonlyMap<string, readonly string[]> } | Failed> {
  const commands: Command[] = []
  for (let at = 0; at < origins.length; at += ORIGINS_PER_COMMAND) commands.push(listCommand(kind, { '@originId': origins.slice(at, at + ORIGINS_PER_COMMAND) }))
  const read = await listAll(client, commands, signal)
  if (read.kind === 'failed') return read
  return { kind: 'read', copies: new Map([...Map.groupBy(read.pages.flat(), each => each.origin)].map(([origin, own]) => [origin, own.map(each => each.id)])) }
}
