import type { Queryable } from '../../platform/postgres.ts'

export const TRANSFER_OUTCOMES = ['succeeded', 'skipped', 'parked', 'deferred', 'unknown', 'superseded'] as const
export type TransferOutcome = typeof TRANSFER_OUTCOMES[number]

/** A row of `read.transfer`. */
export interface TransferView {
  readonly portal: string
  readonly deal_id: bigint | null
  readonly target_deal_id: bigint | null
  readonly occurred_at: Date
  readonly outcome: TransferOutcome
  readonly action: string | null
  readonly target: string
  readonly attempt_no: bigint
  readonly reason: string | null
  readonly detail: string | null
  readonly stage: string | null
  readonly title: string | null
  readonly signalled_at: Date
  readonly seconds_to_land: string | null
  readonly tries: bigint | null
  readonly duration_ms: bigint | null
  readonly mapping_version: bigint | null
  readonly correlation_id: string
  readonly log_offset: bigint
}

export interface TransferFilter {
  readonly portal?: string | undefined
  readonly dealId?: string | undefined
  readonly outcome?: TransferOutcome | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

export type TransferMark = readonly [occurredAt: string, portal: string, dealId: string, offset: string]

/** Outcomes, newest first; `from` and `to` (excluded) bound `occurred_at`; begins after `mark`. */
export async function pageTransfers (db: Queryable, filter: TransferFilter, page: { mark: TransferMark | null, limit: number }): Promise<TransferView[]> {
  const { rows } = await db.query<TransferView>(`
    select portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id, occurred_at, outcome, action,
      target, attempt_no, reason, detail, stage, title, signalled_at, round(land_ms / 1000.0, 3) as seconds_to_land, tries, duration_ms,
      mapping_version, correlation_id, log_offset
    from read_v1.transfer t
    where ($1::text is null or portal = $1) and ($2::text is null or t.deal_id = $2) and ($3::text is null or outcome = $3)
      and ($4::timestamptz is null or occurred_at >= $4) and ($5::timestamptz is null or occurred_at < $5)
      and ($6::timestamptz is null or (occurred_at, portal, t.deal_id, log_offset) < ($6, $7::text, $8::text, $9::bigint))
    order by occurred_at desc, portal desc, t.deal_id desc, log_offset desc limit $10`,
  [filter.portal ?? null, filter.dealId ?? null, filter.outcome ?? null, filter.from ?? null, filter.to ?? null,
    ...(page.mark ?? [null, null, null, null]), page.limit])
  return rows
}

/** How many attempts of a portal's deals came to an end lately, and over how many ms, counted from the first of them. */
export interface Pace { readonly portal: string, readonly ended: number, readonly overMs: number }

/** The pace of each portal over the last two minutes; a portal with no end in them is left out. */
export async function paceByPortal (db: Queryable, portal: string | null): Promise<Pace[]> {
  const { rows } = await db.query<{ portal: string, ended: number, over_ms: number }>(`
    select portal, count(*)::integer as ended, (extract(epoch from now() - min(occurred_at)) * 1000)::float8 as over_ms
    from read_v1.transfer
    where ($1::text is null or portal = $1) and occurred_at > now() - interval '2 minutes' and outcome in ('succeeded', 'skipped', 'parked')
    group by portal`, [portal])
  return rows.map(row => ({ portal: row.portal, ended: row.ended, overMs: Math.max(1000, row.over_ms) }))
}
