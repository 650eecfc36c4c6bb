import type { Choice, DealPlace, Left } from '../domain/signal/ordering.ts'
import { findParkable, pageParked } from '../projections/attention/read.ts'
import type { ParkedDeal } from '../projections/attention/read.ts'
import type { Queryable } from '../platform/postgres.ts'

/** What a choice comes to: parked deals, those that were named but are not parked, how many held ones it leaves alone, and where the rest begins. */
export interface Chosen { readonly deals: readonly ParkedDeal[], readonly left: readonly Left[], readonly held: number, readonly next: DealPlace | null }

const PAGE = 500
const HELD = 'operator_hold'
const WHY: Readonly<Record<string, string>> = {
  landed: 'it has landed',
  waiting: 'it waits for its next attempt',
  deferred: 'an attempt failed and it is tried again by itself',
  unknown: 'a request was sent for it and its effect is being looked up',
  skipped: 'it was left out, by a rule or by an operator',
  deleted: 'it was deleted in its source portal'
}

/** Finds the deals that are meant, `most` at a time. A held deal is meant only by its name or by its reason: a hold stops also a release of all. */
export async function choose (db: Queryable, choice: Choice, most = Infinity): Promise<Chosen> {
  if (choice.by === 'name') return await chooseNamed(db, choice.deals)
  const deals: ParkedDeal[] = []
  let held = 0
  let last: DealPlace | null = null
  for await (const page of parkedPages(db, choice)) {
    for (const deal of page) {
      if (deals.length >= most) return { deals, left: [], held, next: last }
      last = placeOf(deal)
      if (deal.reason === HELD && choice.reason !== HELD) held += 1
      else deals.push(deal)
    }
  }
  return { deals, left: [], held, next: null }
}

/** Parked deals by portal and id, a page at a time, from behind `after` on. */
export async function* parkedPages (db: Queryable, filter: Omit<Extract<Choice, { by: 'filter' }>, 'by'>): AsyncGenerator<ParkedDeal[]> {
  for (let mark: DealPlace | null = filter.after ?? null; ;) {
    const page: ParkedDeal[] = await pageParked(db, filter, { mark, limit: PAGE })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    mark = placeOf(last)
  }
}

/** Where a walk stands that has come to this deal. */
export function placeOf (deal: Pick<ParkedDeal, 'portal' | 'deal_id'>): DealPlace {
  return [deal.portal, deal.deal_id]
}

/** The end of "acme:7 is not parked: …". */
export function whyNotParked (state: string | undefined): string {
  return state === undefined ? 'nothing is known of such a deal' : WHY[state] ?? `it is ${state}`
}

async function chooseNamed (db: Queryable, names: Extract<Choice, { by: 'name' }>['deals']): Promise<Chosen> {
  const found = new Map((await findParkable(db, names)).map(deal => [`${deal.portal}:${deal.deal_id}`, deal]))
  const deals: ParkedDeal[] = []
  const left: Left[] = []
  for (const { portal, dealId } of names) {
    const deal = found.get(`${portal}:${dealId}`)
    if (deal?.state === 'parked') deals.push(deal)
    else left.push({ deal: `${portal}:${dealId}`, why: whyNotParked(deal?.state) })
  }
  return { deals, left, held: 0, next: null }
}
