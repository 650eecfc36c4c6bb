import { z } from 'zod'
import type { Failure } from '../domain/transfer/failure.ts'
import type { Command } from './batch.ts'
import type { PortalClient } from './client.ts'
import { LOOK_UP_METHOD, READ_SIZE, readItem } from './read.ts'
import type { TargetDeal } from './read.ts'
import { NO_PAGE, restOf } from './stretch.ts'
import type { Stretch } from './stretch.ts'
import { versionOf } from './version.ts'

/** `portalNow`: the portal's clock when the request began (ms), null if untold. `rest`: what the pages did not reach. */
export type Listed =
  | { readonly kind: 'read', readonly portalNow: number | null, readonly deals: readonly TargetDeal[], readonly rest: readonly Stretch[] }
  | { readonly kind: 'failed', readonly failure: Failure }

const PAGE = 50
const DEAL = 2
/** A page of a list, its items as they came. PHP writes an empty map as []. */
export const page = z.union([z.object({ items: z.array(z.unknown()) }), z.array(z.unknown()).length(0).transform(() => ({ items: [] as unknown[] }))])

/**
 * Lists the deals of up to 50 stretches of modification times in one request, one page of each.
 *
 * The order is time, then id, and a full page goes on behind its last deal by both (`rest`), so that no number of deals
 * within one second, nor a deal saved meanwhile, makes it skip one. The select is that of `readDeals`: equal deals give equal hashes.
 */
export async function listChanged (client: PortalClient, stretches: readonly Stretch[], signal: AbortSignal): Promise<Listed> {
  const commands = new Map(stretches.slice(0, client.batchSize()).map((stretch, i) => [`s${i}`, { stretch, command: changedCommand(stretch) }]))
  const answer = await client.batch(new Map([...commands].map(([key, { command }]) => [key, command])), { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer
  const deals: TargetDeal[] = []
  const rest = stretches.slice(commands.size)
  for (const [key, { stretch }] of commands) {
    const fate = answer.fate(key)
    if (fate.kind === 'failed') return fate
    const parsed = fate.kind === 'ok' ? page.safeParse(fate.result) : undefined
    if (parsed?.success !== true) return { kind: 'failed', failure: NO_PAGE }
    const found = parsed.data.items.flatMap(item => readItem({ item }) ?? [])
    deals.push(...found)
    if (parsed.data.items.length < PAGE) continue
    const last = found.at(-1)
    const more = last === undefined ? null : restOf(stretch, { id: last.id, modifiedAt: versionOf(last.deal).modifiedAt }, answer.portalNow)
    if (more === null) return { kind: 'failed', failure: NO_PAGE }
    rest.push(...more)
  }
  return { kind: 'read', portalNow: answer.portalNow, deals, rest }
}

function changedCommand ({ from, to, afterId }: Stretch): Command {
  const filter = { '>=updatedTime': instant(from), ...to === null ? {} : { '<updatedTime': instant(to) }, ...afterId === null ? {} : { '>id': afterId } }
  return { method: LOOK_UP_METHOD, params: { entityTypeId: DEAL, select: ['*', 'UF_*'], filter, order: { updatedTime: 'ASC', id: 'ASC' }, start: -1, useOriginalUfNames: 'Y' } }
}

/** A moment as the portal reads it in any zone: without an offset it would take the time for its own (docs: times). */
function instant (ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}

/** Which of these deals (at most `READ_SIZE`) the portal's lists still show, in one request. A list is silent also about a deal that we may not see. */
export async function listPresent (client: PortalClient, ids: readonly string[], signal: AbortSignal): Promise<{ readonly kind: 'read', readonly present: ReadonlySet<string> } | { readonly kind: 'failed', readonly failure: Failure }> {
  if (ids.length > READ_SIZE) throw new Error(`at most ${READ_SIZE} ids at once`)
  const commands = new Map<string, Command>()
  for (let at = 0; at < ids.length; at += PAGE) {
    commands.set(`p${at}`, { method: LOOK_UP_METHOD, params: { entityTypeId: DEAL, select: ['id'], filter: { '@id': ids.slice(at, at + PAGE) }, order: { id: 'ASC' }, start: -1 } })
  }
  const answer = await client.batch(commands, { intent: 'read', slot: await client.limiter.slot(signal) })
  if (answer.kind === 'failed') return answer
  const present = new Set<string>()
  for (const key of commands.keys()) {
    const fate = answer.fate(key)
    if (fate.kind === 'failed') return fate
    const parsed = fate.kind === 'ok' ? page.safeParse(fate.result) : undefined
    // Silence of a whole page is no word about its deals.
    if (parsed?.success !== true) return { kind: 'failed', failure: NO_PAGE }
    for (const item of parsed.data.items) present.add(readItem({ item })?.id ?? '')
  }
  return { kind: 'read', present }
}

/** The portal's own clock (ms), by a list of nothing; null when its answers tell no time. */
export async function portalClock (client: PortalClient, signal: AbortSignal): Promise<{ readonly kind: 'read', readonly portalNow: number | null } | { readonly kind: 'failed', readonly failure: Failure }> {
  const answer = await client.call(LOOK_UP_METHOD, { entityTypeId: DEAL, select: ['id'], filter: { id: 0 }, start: -1 }, { intent: 'read', slot: await client.limiter.slot(signal) })
  return answer.kind === 'ok' ? { kind: 'read', portalNow: answer.portalNow } : answer
}
