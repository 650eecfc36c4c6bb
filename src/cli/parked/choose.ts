import { findParkable, pageParked } from '../../projections/attention/read.ts'
import type { ParkedDeal } from '../../projections/attention/read.ts'
import type { Queryable } from '../../platform/postgres.ts'
import type { Choice } from './arguments.ts'
import { whyNotParked } from './words.ts'

/** What a choice comes to: parked deals, those that were named but are not parked, and how many held ones it leaves alone. */
export interface Chosen { readonly deals: readonly ParkedDeal[], readonly left: readonly Left[], readonly held: number }

export interface Left { readonly deal: string, readonly why: string }

const PAGE = 500
const HELD = 'operator_hold'

/** Finds the deals that are meant. A held deal is meant only by its name or by its reason: a hold stops also a release of all. */
export async function choose (db: Queryable, choice: Choice): Promise<Chosen> {
  if (choice.by === 'name') return await chooseNamed(db, choice.deals)
  const parked: ParkedDeal[] = []
  for await (const page of parkedPages(db, choice)) parked.push(...page)
  const deals = choice.reason === HELD ? parked : parked.filter(deal => deal.reason !== HELD)
  return { deals, left: [], held: parked.length - deals.length }
}

/** Parked deals by portal and id, a page at a time. */
export async function* parkedPages (db: Queryable, filter: { readonly portal: string | undefined, readonly reason: string | undefined }): AsyncGenerator<ParkedDeal[]> {
  for (let mark: readonly [string, string] | null = null; ;) {
    const page: ParkedDeal[] = await pageParked(db, filter, { mark, limit: PAGE })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    mark = [last.portal, last.deal_id]
  }
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
  return { deals, left, held: 0 }
}
