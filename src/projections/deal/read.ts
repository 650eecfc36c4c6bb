import type { Queryable } from '../../platform/postgres.ts'

export const DEAL_STATES = ['waiting', 'landed', 'deferred', 'parked', 'skipped', 'deleted', 'unknown'] as const
export type DealState = typeof DEAL_STATES[number]

/** A row of `read.deal`; int8 as bigint, numeric as text. */
export interface DealView {
  readonly portal: string
  readonly deal_id: bigint | null
  readonly target_deal_id: bigint | null
  readonly state: DealState
  readonly stage: string | null
  readonly title: string | null
  readonly last_signal_at: Date
  readonly landed_at: Date | null
  readonly seconds_to_land: string | null
  readonly attempts: bigint
  readonly reason: string | null
  readonly detail: string | null
  readonly next_try_at: Date | null
  readonly currency: string | null
  readonly opportunity: string | null
  readonly signals: bigint
  readonly open: bigint
}

export interface DealFilter { readonly portal?: string | undefined, readonly state?: DealState | undefined, readonly from?: Date | undefined, readonly to?: Date | undefined }
export type DealMark = readonly [lastSignalAt: string, portal: string, dealId: string]
export type DealIdMark = readonly [portal: string, dealId: string]

const COLUMNS = `portal, read_v1.id_number(deal_id) as deal_id, read_v1.id_number(target_deal_id) as target_deal_id, state, stage, title,
  last_signal_at, landed_at, round(land_ms / 1000.0, 3) as seconds_to_land, attempts, reason, detail, next_try_at, currency, opportunity,
  greatest(signals_seen, ended) as signals, open`

const FILTER = `($1::text is null or portal = $1) and ($2::text is null or state = $2)
  and ($3::timestamptz is null or last_signal_at >= $3) and ($4::timestamptz is null or last_signal_at < $4)`

const filterValues = (filter: DealFilter): unknown[] => [filter.portal ?? null, filter.state ?? null, filter.from ?? null, filter.to ?? null]

/** One deal, or undefined. */
export async function findDeal (db: Queryable, portal: string, dealId: string): Promise<DealView | undefined> {
  const { rows } = await db.query<DealView>(`select ${COLUMNS} from read_v1.deal where portal = $1 and deal_id = $2`, [portal, dealId])
  return rows[0]
}

/** Deals by their last signal, newest first; `from` and `to` (excluded) bound that time; begins after `mark`. */
export async function pageDeals (db: Queryable, filter: DealFilter, page: { mark: DealMark | null, limit: number }): Promise<DealView[]> {
  const { rows } = await db.query<DealView>(`
    select ${COLUMNS} from read_v1.deal
    where ${FILTER} and ($5::timestamptz is null or last_signal_at <= $5
      and (last_signal_at < $5 or (portal, read_v1.deal.deal_id) > ($6::text, $7::text)))
    order by last_signal_at desc, portal, read_v1.deal.deal_id limit $8`, [...filterValues(filter), ...(page.mark ?? [null, null, null]), page.limit])
  return rows
}

/**
 * Deals by key, for exports: a deal that is signalled meanwhile keeps its place, so that each comes exactly once,
 * whereas in the order of `pageDeals` it would jump over the reader.
 */
export async function exportDeals (db: Queryable, filter: DealFilter, page: { mark: DealIdMark | null, limit: number }): Promise<DealView[]> {
  const { rows } = await db.query<DealView>(`
    select ${COLUMNS} from read_v1.deal
    where ${FILTER} and ($5::text is null or (portal, read_v1.deal.deal_id) > ($5::text, $6::text))
    order by portal, read_v1.deal.deal_id limit $7`, [...filterValues(filter), ...(page.mark ?? [null, null]), page.limit])
  return rows
}

export interface PortalSums {
  readonly portal: string
  readonly signals: bigint
  readonly open: bigint
  readonly applied: bigint
  readonly unchanged: bigint
  readonly superseded: bigint
  readonly skipped: bigint
  readonly parked: bigint
  readonly deferred: bigint
  readonly unknown: bigint
  /** Deals with a signal that has no end yet. */
  readonly backlog: bigint
}

/** Per portal: how many signals there are and how they ended (one statement, so that the sums hold), and what waits. */
export async function sumByPortal (db: Queryable, portal: string | null): Promise<PortalSums[]> {
  const { rows } = await db.query<PortalSums>(`
    select portal, sum(greatest(signals_seen, ended))::bigint as signals, sum(open)::bigint as open, sum(applied)::bigint as applied,
      sum(unchanged)::bigint as unchanged, sum(superseded)::bigint as superseded, sum(skipped)::bigint as skipped,
      sum(parked)::bigint as parked, count(*) filter (where state = 'deferred') as deferred, count(*) filter (where state = 'unknown') as unknown,
      count(*) filter (where open > 0) as backlog
    from read_v1.deal where $1::text is null or portal = $1 group by portal order by portal`, [portal])
  return rows
}

/** The target deal that is known for a source deal, or null. */
export async function findLink (db: Queryable, portal: string, dealId: string): Promise<string | null> {
  const { rows } = await db.query<{ target_deal_id: string | null }>('select target_deal_id from read_v1.deal where portal = $1 and deal_id = $2', [portal, dealId])
  return rows[0]?.target_deal_id ?? null
}

/** Whether the signal at `offset` of deal-signals has its end, and the target deal that is known by then. */
// eslint-disable-next-line max-params -- the place of a signal is what it is
export async function findLanded (db: Queryable, portal: string, dealId: string, offset: bigint): Promise<{ ended: boolean, targetDealId: string | null }> {
  const { rows } = await db.query<{ ended: boolean, target_deal_id: string | null }>(
    'select covered_offset >= $3::bigint as ended, target_deal_id from read_v1.deal where portal = $1 and deal_id = $2', [portal, dealId, offset])
  return { ended: rows[0]?.ended ?? false, targetDealId: rows[0]?.target_deal_id ?? null }
}

// A deal that is open is read anyway; one that we may not read is missing in every list; an id of over 18 digits is left out.
const LIVE = `portal = $1 and read_v1.id_number(deal_id) is not null and state in ('landed', 'skipped', 'parked') and reason is distinct from 'source_unreadable'`

/** Ids of a portal's deals that stand as landed, skipped or parked, by number, above `after` up to `upTo` (null: all): those whose deletion nobody would notice. */
export async function pageLiveIds (db: Queryable, portal: string, page: { after: bigint, upTo: bigint | null, limit: number }): Promise<string[]> {
  const { rows } = await db.query<{ deal_id: string }>(`
    select deal_id from read_v1.deal
    where ${LIVE} and read_v1.id_number(deal_id) > $2 and ($3::bigint is null or read_v1.id_number(deal_id) <= $3)
    order by read_v1.id_number(deal_id) limit $4`, [portal, page.after, page.upTo, page.limit])
  return rows.map(row => row.deal_id)
}

/** How many deals of a portal `pageLiveIds` would give. */
export async function countLive (db: Queryable, portal: string): Promise<number> {
  const { rows } = await db.query<{ live: bigint }>(`select count(*) as live from read_v1.deal where ${LIVE}`, [portal])
  return Number(rows[0]?.live ?? 0)
}

/** Of the signals at these places, those that have their end, by the state of their deals now. */
export async function countEnded (db: Queryable, signals: readonly { readonly portal: string, readonly dealId: string, readonly offset: bigint }[]): Promise<Map<DealState, number>> {
  const { rows } = await db.query<{ state: DealState, deals: bigint }>(`
    select d.state, count(*) as deals from read_v1.deal d
    join unnest($1::text[], $2::text[], $3::bigint[]) as s (portal, deal_id, log_offset) on d.portal = s.portal and d.deal_id = s.deal_id
    where d.covered_offset >= s.log_offset group by d.state`, [signals.map(s => s.portal), signals.map(s => s.dealId), signals.map(s => s.offset)])
  return new Map(rows.map(row => [row.state, Number(row.deals)]))
}

/** How many deals are in each state. */
export async function countStates (db: Queryable): Promise<Map<DealState, bigint>> {
  const { rows } = await db.query<{ state: DealState, deals: bigint }>('select state, count(*) as deals from read_v1.deal group by state')
  return new Map(rows.map(row => [row.state, row.deals]))
}
