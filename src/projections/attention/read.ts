import type { Queryable } from '../../platform/postgres.ts'

/** A row of `read.attention`. */
export interface AttentionView {
  readonly portal: string
  readonly deal_id: bigint | null
  readonly target_deal_id: bigint | null
  readonly state: string
  readonly title: string | null
  readonly stage: string | null
  readonly reason: string | null
  readonly explanation: string
  readonly what_to_do: string
  readonly since: Date
  readonly next_try_at: Date | null
  readonly attempts: bigint
}

export interface AttentionFilter { readonly portal?: string | undefined, readonly state?: string | undefined }
export type AttentionMark = readonly [portal: string, dealId: string]

/** Deals that wait for a person, a later try or a look-up, by portal and id as a number; begins after `mark`. */
export async function pageAttention (db: Queryable, filter: AttentionFilter, page: { mark: AttentionMark | null, limit: number }): Promise<AttentionView[]> {
  const { rows } = await db.query<AttentionView>(`
    select portal, deal_id, target_deal_id, state, title, stage, reason, explanation, what_to_do, since, next_try_at, attempts
    from read.attention
    where ($1::text is null or portal = $1) and ($2::text is null or state = $2)
      and ($3::text is null or (portal, coalesce(deal_id, 0)) > ($3::text, $4::bigint))
    order by portal, coalesce(deal_id, 0) limit $5`, [filter.portal ?? null, filter.state ?? null, ...(page.mark ?? [null, null]), page.limit])
  return rows
}

/** A parked deal with its ids as text: an id may have more digits than a number holds. */
export interface ParkedDeal {
  readonly portal: string
  readonly deal_id: string
  readonly target_deal_id: string | null
  readonly title: string | null
  readonly stage: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly since: Date | null
  readonly attempts: bigint
}

const PARKED_COLUMNS = 'd.portal, d.deal_id, d.target_deal_id, d.title, d.stage, d.reason, d.detail, d.last_event_at as since, d.attempts'

/** Parked deals by portal and id; begins after `mark`. */
export async function pageParked (db: Queryable, filter: { readonly portal?: string | undefined, readonly reason?: string | undefined }, page: { mark: AttentionMark | null, limit: number }): Promise<ParkedDeal[]> {
  const { rows } = await db.query<ParkedDeal>(`
    select ${PARKED_COLUMNS} from read_v1.deal d
    where state = 'parked' and ($1::text is null or portal = $1) and ($2::text is null or reason = $2) and ($3::text is null or (portal, deal_id) > ($3::text, $4::text))
    order by portal, deal_id limit $5`, [filter.portal ?? null, filter.reason ?? null, ...(page.mark ?? [null, null]), page.limit])
  return rows
}

/** Those of the named deals that are known, whatever their state. */
export async function findParkable (db: Queryable, deals: readonly { readonly portal: string, readonly dealId: string }[]): Promise<(ParkedDeal & { readonly state: string })[]> {
  const { rows } = await db.query<ParkedDeal & { readonly state: string }>(`
    select ${PARKED_COLUMNS}, d.state from read_v1.deal d join unnest($1::text[], $2::text[]) as k (portal, deal_id) on d.portal = k.portal and d.deal_id = k.deal_id`,
  [deals.map(deal => deal.portal), deals.map(deal => deal.dealId)])
  return rows
}

/** How many deals are parked for each reason, most first. */
export async function countParked (db: Queryable): Promise<{ readonly reason: string, readonly deals: bigint }[]> {
  const { rows } = await db.query<{ reason: string, deals: bigint }>(
    'select coalesce(reason, \'\') as reason, count(*) as deals from read_v1.deal where state = \'parked\' group by 1 order by 2 desc, 1')
  return rows
}
