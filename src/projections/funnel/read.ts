import type { Queryable } from '../../platform/postgres.ts'

/** A row of `read.funnel`; `opportunity` is a decimal as text. */
export interface FunnelView { readonly portal: string, readonly stage: string, readonly currency: string, readonly deals: bigint, readonly opportunity: string }

export type FunnelMark = readonly [portal: string, stage: string, currency: string]

/** Deals and sums per portal, stage and currency; begins after `mark`. */
export async function pageFunnel (db: Queryable, portal: string | null, page: { mark: FunnelMark | null, limit: number }): Promise<FunnelView[]> {
  const { rows } = await db.query<FunnelView>(`
    select portal, stage, currency, deals, opportunity from read.funnel
    where ($1::text is null or portal = $1) and ($2::text is null or (portal, stage, currency) > ($2::text, $3::text, $4::text))
    order by portal, stage, currency limit $5`, [portal, ...(page.mark ?? [null, null, null]), page.limit])
  return rows
}
