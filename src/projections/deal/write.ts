import type { Queryable } from '../../platform/postgres.ts'
import { columns, textColumn, textOrNull, timeColumn, timeOrNull } from '../column.ts'
import { noOutcome } from './project.ts'
import type { DealOutcome, DealSignals, DealStatus } from './project.ts'

/** `<portal>:<dealId>`; a portal's name has no colon, so the first one parts them. */
export interface DealKey { readonly portal: string, readonly dealId: string }

export function keyOf (deal: DealKey): string {
  return `${deal.portal}:${deal.dealId}`
}

interface Row {
  readonly portal: string
  readonly deal_id: string
  readonly epoch: bigint
  readonly last_attempt_no: bigint
  readonly last_final_no: bigint
  readonly status: DealStatus
  readonly ended: bigint
  readonly covered_offset: bigint
  readonly applied: bigint
  readonly unchanged: bigint
  readonly superseded: bigint
  readonly skipped: bigint
  readonly parked: bigint
  readonly attempts: bigint
  readonly signalled_at: Date | null
  readonly last_event_at: Date | null
  readonly target_deal_id: string | null
  readonly stage: string | null
  readonly title: string | null
  readonly opportunity: string | null
  readonly currency: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly next_try_at: Date | null
  readonly landed_at: Date | null
  readonly land_ms: bigint | null
}

/**
 * What deal-transfers has said about these deals so far. Needs no row lock: the checkpoint row of the partition is
 * held, and nobody else writes these columns of its deals.
 */
export async function loadOutcomes (db: Queryable, deals: readonly DealKey[]): Promise<Map<string, DealOutcome>> {
  const { rows } = await db.query<Row>({
    name: 'deal-load',
    text: `select d.* from read_v1.deal d join unnest($1::text[], $2::text[]) as k (portal, deal_id) on d.portal = k.portal and d.deal_id = k.deal_id`,
    values: columns(deals, d => d.portal, d => textColumn(d.dealId))
  })
  return new Map(rows.map(row => [`${row.portal}:${row.deal_id}`, outcomeOf(row)]))
}

function outcomeOf (row: Row): DealOutcome {
  const ms = (at: Date | null): number | null => at === null ? null : at.getTime()
  return {
    ...noOutcome,
    epoch: Number(row.epoch), lastAttemptNo: Number(row.last_attempt_no), lastFinalNo: Number(row.last_final_no),
    status: row.status, ended: Number(row.ended), coveredOffset: row.covered_offset, attempts: Number(row.attempts),
    ends: {
      applied: Number(row.applied), unchanged: Number(row.unchanged), superseded: Number(row.superseded),
      skipped: Number(row.skipped), parked: Number(row.parked)
    },
    signalledAt: ms(row.signalled_at), lastEventAt: ms(row.last_event_at), targetDealId: row.target_deal_id,
    stage: row.stage, title: row.title, opportunity: row.opportunity, currency: row.currency, reason: row.reason,
    detail: row.detail, nextTryAt: ms(row.next_try_at), landedAt: ms(row.landed_at),
    landMs: row.land_ms === null ? null : Number(row.land_ms)
  }
}

/** Adds what a chunk of deal-signals says. Rows go in by key, so that two writers never wait for each other in a ring. */
export async function addSignals (db: Queryable, signals: ReadonlyMap<string, DealKey & DealSignals>): Promise<void> {
  const rows = [...signals.values()]
  await db.query({
    name: 'deal-signals',
    text: `
      insert into read_v1.deal as d (portal, deal_id, signals_seen, signal_received_at)
      select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) as n (portal, deal_id, seen, at)
      order by portal collate "C", deal_id collate "C"
      on conflict (portal, deal_id) do update set
        signals_seen = d.signals_seen + excluded.signals_seen,
        signal_received_at = greatest(d.signal_received_at, excluded.signal_received_at)`,
    values: columns(rows, r => r.portal, r => textColumn(r.dealId), r => r.count, r => timeColumn(r.receivedAt))
  })
}

const OUTCOME_COLUMNS = ['epoch', 'last_attempt_no', 'last_final_no', 'status', 'ended', 'covered_offset', 'applied', 'unchanged',
  'superseded', 'skipped', 'parked', 'attempts', 'signalled_at', 'last_event_at', 'target_deal_id', 'stage', 'title', 'opportunity',
  'currency', 'reason', 'detail', 'next_try_at', 'landed_at', 'land_ms'] as const
const SAVE = `
  insert into read_v1.deal (portal, deal_id, ${OUTCOME_COLUMNS.join(', ')})
  select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[], $16::timestamptz[],
    $17::text[], $18::text[], $19::text[], $20::numeric[], $21::text[], $22::text[], $23::text[], $24::timestamptz[],
    $25::timestamptz[], $26::bigint[]) as n (portal, deal_id)
  order by portal collate "C", deal_id collate "C"
  on conflict (portal, deal_id) do update set ${OUTCOME_COLUMNS.map(name => `${name} = excluded.${name}`).join(', ')}`

/** Puts the folded outcomes in place of those that were loaded; leaves the columns of deal-signals alone. */
export async function saveOutcomes (db: Queryable, deals: ReadonlyMap<string, DealKey & { readonly outcome: DealOutcome }>): Promise<void> {
  const rows = [...deals.values()]
  await db.query({
    name: 'deal-outcomes',
    text: SAVE,
    values: columns(rows, r => r.portal, r => textColumn(r.dealId), r => r.outcome.epoch, r => r.outcome.lastAttemptNo,
      r => r.outcome.lastFinalNo, r => r.outcome.status, r => r.outcome.ended, r => r.outcome.coveredOffset,
      r => r.outcome.ends.applied, r => r.outcome.ends.unchanged, r => r.outcome.ends.superseded, r => r.outcome.ends.skipped,
      r => r.outcome.ends.parked, r => r.outcome.attempts, r => timeOrNull(r.outcome.signalledAt), r => timeOrNull(r.outcome.lastEventAt),
      r => textOrNull(r.outcome.targetDealId), r => textOrNull(r.outcome.stage), r => textOrNull(r.outcome.title),
      r => r.outcome.opportunity, r => textOrNull(r.outcome.currency), r => textOrNull(r.outcome.reason), r => textOrNull(r.outcome.detail),
      r => timeOrNull(r.outcome.nextTryAt), r => timeOrNull(r.outcome.landedAt), r => r.outcome.landMs)
  })
}
