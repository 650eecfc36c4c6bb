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
