// Lists all deals of a portal by id, many pages in one request.
import type { Failure } from '../domain/transfer/failure.ts'
import type { Command } from './batch.ts'
import type { PortalClient } from './client.ts'
import { page } from './list.ts'
import { LOOK_UP_METHOD, readItem } from './read.ts'
import type { TargetDeal } from './read.ts'
import type { Fate } from './response.ts'
import { NO_PAGE } from './stretch.ts'

/** Where a walk stands: above which id it goes on, and how many ids one page spans. */
export interface WalkMark { readonly after: bigint, readonly width: number }

/**
 * All deals with ids in (`after`, `upTo`], with every field, as `readDeals` gives them. `upTo` null: to the end, no deal has a
 * greater id. `width` is that of the next request.
 */
export type Walked =
  | { readonly kind: 'read', readonly deals: readonly TargetDeal[], readonly upTo: bigint | null, readonly width: number }
  | { readonly kind: 'failed', readonly failure: Failure }

type Page = { readonly kind: 'page', readonly deals: readonly TargetDeal[], readonly full: boolean } | Extract<Fate, { kind: 'failed' }>

const PAGE = 50
const DEAL = 2
/** A page of this many ids never overflows. */
export const NARROWEST = PAGE
const WIDEST = PAGE * 1024
// Seven tenths of a page are aimed at, so that a region a little denser than the last one still fits.
const AIM = 0.7 * PAGE
const GROWTH = 8

/**
 * One request: up to 49 pages of `width` ids each, and the newest id. A page that overflows ends what the request tells at its last
 * deal, so that no deal is jumped over however the ids lie; the next request spans fewer ids.
 */
export async function walkDeals (client: PortalClient, { after, width }: WalkMark, signal: AbortSignal): Promise<Walked> {
  const windows = Math.max(1, client.batchSize() - 1)
  const commands = new Map(Array.from({ length: windows }, (_, i) => [`w${i}`, windowCommand(after + BigInt(i * width), width)]))
  commands.set('newest', list({ filter: {}, select: ['id'], order: { id: 'DESC' } }))
  const answer = await client.batch(commands, { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer
  const newest = readPage(answer.fate('newest'))
  if (newest.kind === 'failed') return newest
  const deals: TargetDeal[] = []
  let covered = after
  let overflow = false
  for (let i = 0; i < windows && !overflow; i += 1) {
    const found = readPage(answer.fate(`w${i}`))
    if (found.kind === 'failed') return found
    const end = covered + BigInt(width)
    if (found.deals.some(deal => BigInt(deal.id) <= covered || BigInt(deal.id) > end)) return { kind: 'failed', failure: NO_PAGE }
    deals.push(...found.deals)
    overflow = found.full && BigInt(found.deals.at(-1)?.id ?? end) < end
    covered = overflow ? BigInt(found.deals.at(-1)?.id ?? end) : end
  }
  const top = BigInt(newest.deals[0]?.id ?? 0)
  return { kind: 'read', deals, upTo: !overflow && covered >= top ? null : covered, width: nextWidth(width, deals.length, Number(covered - after)) }
}

/** How many ids a page should span after `found` deals among `ids` ids. */
export function nextWidth (width: number, found: number, ids: number): number {
  const wanted = found === 0 ? width * GROWTH : Math.min(width * GROWTH, Math.floor(AIM * ids / found))
  return Math.min(WIDEST, Math.max(NARROWEST, wanted))
}

function windowCommand (after: bigint, width: number): Command {
  return list({ filter: { '>id': String(after), '<=id': String(after + BigInt(width)) }, select: ['*', 'UF_*'], order: { id: 'ASC' }, useOriginalUfNames: 'Y' })
}

function list (params: Command['params']): Command {
  return { method: LOOK_UP_METHOD, params: { entityTypeId: DEAL, start: -1, ...params } }
}

function readPage (fate: Fate): Page {
  if (fate.kind === 'failed') return fate
  const parsed = fate.kind === 'ok' ? page.safeParse(fate.result) : undefined
  if (parsed?.success !== true) return { kind: 'failed', failure: NO_PAGE }
  const { items } = parsed.data
  // An item that cannot be read fills the page all the same.
  return { kind: 'page', deals: items.flatMap(item => readItem({ item }) ?? []), full: items.length >= PAGE }
}

/**
 * How many deals the portal shows us, null when it does not tell. Counting is the dearest list there is (a large portal was seen
 * to take 50 s for it), so it is asked once, and its failure stops nothing.
 */
export async function countDeals (client: PortalClient, signal: AbortSignal): Promise<number | null> {
  const answer = await client.call(LOOK_UP_METHOD, { entityTypeId: DEAL, select: ['id'], filter: {} }, { intent: 'read', slot: await client.limiter.slot(signal) })
  return answer.kind === 'ok' ? answer.total ?? null : null
}
