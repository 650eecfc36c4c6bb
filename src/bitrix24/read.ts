import { z } from 'zod'
import type { Fields } from '../domain/mapping/mapping.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import type { SourceRead } from '../domain/transfer/decide.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { now } from '../platform/clock.ts'
import { BATCH_SIZE } from './batch.ts'
import type { Command } from './batch.ts'
import type { PortalClient } from './client.ts'
import { snapshotOf } from './fields.ts'
import type { Slot } from './limiter.ts'

/** An id as a portal gives it; inside it is always text. */
export const portalId = z.union([z.number().int().positive(), z.string().regex(/^[1-9][0-9]*$/)]).transform(String)
const item = z.looseObject({ id: portalId })
/** A page of a list. An item that is none costs only itself, not the others of its page. PHP writes an empty map as []. */
export const items = z.union([
  z.object({ items: z.array(z.unknown()) }).transform(page => ({ items: page.items.flatMap((each) => { const { data } = item.safeParse(each); return data === undefined ? [] : [data] }) })),
  z.array(z.unknown()).length(0).transform(() => ({ items: [] as z.infer<typeof item>[] }))
])
const one = z.object({ item })
const DEAL = 2
const PAGE = 50

/** The method of reads and look-ups. */
export const LOOK_UP_METHOD = 'crm.item.list'

/** What a source portal said about deals. `beganAt` is the portal's clock when the read began (ms). */
export type DealsRead =
  | { readonly kind: 'read', readonly beganAt: number, readonly deals: ReadonlyMap<string, SourceRead> }
  | { readonly kind: 'failed', readonly failure: Failure }

/** How many deals one request reads at most: 50 list commands of 50 ids. */
export const READ_SIZE = BATCH_SIZE * BATCH_SIZE

/**
 * Reads up to `READ_SIZE` deals in one request, in more of a slow portal, and in another one those the lists left out: a list is silent
 * about a deal that is gone and about one we may not see, only `get` tells them apart (vendor page: crm.item.list).
 * A deal that is in neither answer is left out of the map; it must be read again.
 */
export async function readDeals (client: PortalClient, ids: readonly string[], signal: AbortSignal): Promise<DealsRead> {
  const deals = new Map<string, SourceRead>()
  const missing: string[] = []
  let beganAt: number | undefined
  for (const left = [...ids]; left.length > 0;) {
    const asked = left.splice(0, client.batchSize() * BATCH_SIZE)
    const listed = await readLists(client, { ids: asked, deals, signal })
    if (listed.kind === 'failed') return listed
    beganAt ??= listed.beganAt
    missing.push(...asked.filter(wanted => listed.ids.has(wanted) && !deals.has(wanted)))
  }
  while (missing.length > 0) {
    const failure = await readMissing(client, { ids: missing.splice(0, client.batchSize()), deals, signal })
    if (failure !== undefined) return { kind: 'failed', failure }
  }
  return { kind: 'read', beganAt: beganAt ?? now(), deals }
}

interface Asked { readonly ids: readonly string[], readonly deals: Map<string, SourceRead>, readonly signal: AbortSignal }

/** Puts the deals that the lists name into `deals`; `ids` are those of the lists that were answered. */
async function readLists (client: PortalClient, { ids, deals, signal }: Asked): Promise<Extract<DealsRead, { kind: 'failed' }> | { kind: 'listed', beganAt: number, ids: ReadonlySet<string> }> {
  const lists = new Map<string, { command: Command, ids: readonly string[] }>()
  for (let at = 0; at < ids.length; at += BATCH_SIZE) {
    const page = ids.slice(at, at + BATCH_SIZE)
    lists.set(`l${at}`, { ids: page, command: { method: LOOK_UP_METHOD, params: { entityTypeId: DEAL, select: ['*', 'UF_*'], filter: { '@id': page }, order: { id: 'ASC' }, start: -1, useOriginalUfNames: 'Y' } } })
  }
  const slot = await client.limiter.slot(signal)
  const began = now()
  const answer = await client.batch(new Map([...lists].map(([key, { command }]) => [key, command])), { intent: 'read', slot })
  if (answer.kind === 'failed') return answer
  const listed = new Set<string>()
  for (const [key, list] of lists) {
    const fate = answer.fate(key)
    if (fate.kind === 'failed') return fate
    const parsed = fate.kind === 'ok' ? items.safeParse(fate.result) : undefined
    if (parsed?.success !== true) continue
    for (const found of parsed.data.items) deals.set(found.id, { kind: 'found', deal: snapshotOf(found) })
    for (const asked of list.ids) listed.add(asked)
  }
  return { kind: 'listed', beganAt: answer.portalNow ?? began, ids: listed }
}

async function readMissing (client: PortalClient, { ids, deals, signal }: Asked): Promise<Failure | undefined> {
  const gets = new Map(ids.map(wanted => [`g${wanted}`, { method: 'crm.item.get', params: { entityTypeId: DEAL, id: wanted, useOriginalUfNames: 'Y' } }]))
  const answer = await client.batch(gets, { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer.failure
  for (const wanted of ids) {
    const fate = answer.fate(`g${wanted}`)
    if (fate.kind === 'none') continue
    if (fate.kind === 'ok') {
      const found = one.safeParse(fate.result)
      if (found.success) deals.set(wanted, { kind: 'found', deal: snapshotOf(found.data.item) })
      continue
    }
    if (fate.failure.class === 'missing') deals.set(wanted, { kind: 'deleted' })
    else if (fate.failure.class === 'permanent') deals.set(wanted, { kind: 'unreadable', detail: `The source portal refuses to show this deal (${fate.failure.detail}). Give the webhook's author the right to read it, then ask for the transfer again.` })
    else return fate.failure
  }
  return undefined
}

/** Asks the target for the deals that carry these ORIGIN_IDs of ours; the answer is one page of 50, which may not be all (`isPageFull`). */
export function lookUpCommand (originIds: readonly string[]): Command {
  return { method: LOOK_UP_METHOD, params: { entityTypeId: DEAL, select: ['*', 'UF_*'], filter: { '=originatorId': ORIGINATOR, '@originId': originIds }, order: { id: 'ASC' }, start: -1, useOriginalUfNames: 'Y' } }
}

/** Asks the target for one deal by its id. */
export function getCommand (link: string): Command {
  return { method: 'crm.item.get', params: { entityTypeId: DEAL, id: link, useOriginalUfNames: 'Y' } }
}

/** A target deal as looked up. */
export interface TargetDeal { readonly id: string, readonly deal: Fields }

/** The deals of a look-up by ORIGIN_ID, the oldest of each; the values are compared, not trusted to the filter. */
export function readLookUp (result: unknown): ReadonlyMap<string, TargetDeal> | undefined {
  const parsed = items.safeParse(result)
  if (!parsed.success) return undefined
  const found = new Map<string, TargetDeal>()
  for (const each of parsed.data.items) {
    const deal = snapshotOf(each)
    const origin = deal['ORIGIN_ID']
    if (deal['ORIGINATOR_ID'] === ORIGINATOR && typeof origin === 'string' && !found.has(origin)) found.set(origin, { id: each.id, deal })
  }
  return found
}

/** Whether a list gave as many items as a page holds, so that more may stand behind them. */
export function isPageFull (result: unknown): boolean {
  const parsed = items.safeParse(result)
  return parsed.success && parsed.data.items.length >= PAGE
}

/** The deal of a `get` or of a write's answer. */
export function readItem (result: unknown): TargetDeal | undefined {
  const parsed = one.safeParse(result)
  return parsed.success ? { id: parsed.data.item.id, deal: snapshotOf(parsed.data.item) } : undefined
}

/** The cheapest call that shows whether a portal works: an empty list. */
export async function probe (client: PortalClient, slot: Slot): Promise<Failure | null> {
  const answer = await client.call(LOOK_UP_METHOD, { entityTypeId: DEAL, select: ['id'], filter: { id: 0 }, start: -1 }, { intent: 'read', slot })
  return answer.kind === 'ok' ? null : answer.failure
}
