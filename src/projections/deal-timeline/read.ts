import type { Queryable } from '../../platform/postgres.ts'

/** A row of `read.deal_timeline`. */
export interface TimelineView { readonly at: Date, readonly type: string, readonly text: string, readonly correlation_id: string, readonly topic: string, readonly log_offset: bigint }

export type TimelineMark = readonly [at: string, topic: string, offset: string]

/** What happened to a deal, oldest first; begins after `mark`. */
export async function pageTimeline (db: Queryable, deal: { portal: string, dealId: string }, page: { mark: TimelineMark | null, limit: number }): Promise<TimelineView[]> {
  const { rows } = await db.query<TimelineView>(`
    select at, type, text, correlation_id, topic, log_offset from read_v1.deal_timeline
    where portal = $1 and deal_id = $2 and ($3::timestamptz is null or (at, topic, log_offset) > ($3, $4::text, $5::bigint))
    order by at, topic, log_offset limit $6`, [deal.portal, deal.dealId, ...(page.mark ?? [null, null, null]), page.limit])
  return rows
}
