import type { Queryable } from '../../platform/postgres.ts'

/** A row of `read.portal_hour`; the percentiles in seconds, null where nothing landed. */
export interface PortalHourView {
  readonly portal: string
  readonly hour: Date
  readonly signals: bigint
  readonly landed: bigint
  readonly skipped: bigint
  readonly parked: bigint
  readonly deferred: bigint
  readonly unknown: bigint
  readonly p50_seconds: number | null
  readonly p95_seconds: number | null
  readonly p99_seconds: number | null
}

export interface PortalHourFilter { readonly portal: string, readonly from?: Date | undefined, readonly to?: Date | undefined }

/** Hours of a portal, newest first; `from` and `to` (excluded) bound the hour; begins before `mark`. */
export async function pagePortalHours (db: Queryable, filter: PortalHourFilter, page: { mark: readonly [hour: string] | null, limit: number }): Promise<PortalHourView[]> {
  const { rows } = await db.query<PortalHourView>(`
    select portal, hour, signals, landed, skipped, parked, deferred, unknown, p50_seconds, p95_seconds, p99_seconds from read.portal_hour
    where portal = $1 and ($2::timestamptz is null or hour >= $2) and ($3::timestamptz is null or hour < $3)
      and ($4::timestamptz is null or hour < $4)
    order by hour desc limit $5`, [filter.portal, filter.from ?? null, filter.to ?? null, page.mark?.[0] ?? null, page.limit])
  return rows
}
