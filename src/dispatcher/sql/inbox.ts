import { LANES } from '../../domain/schedule/lane.ts'
import type { Lane } from '../../domain/schedule/lane.ts'
import type { Wish } from '../../domain/signal/order.ts'
import type { Queryable } from '../../platform/postgres.ts'

/** What a chunk of signals says about one deal: how many, the last of them, their lane, and an operator's wish among them. Times are ms. */
export interface DealSignals {
  readonly wish?: Wish
  readonly portal: string
  readonly dealId: string
  readonly target: string
  readonly count: number
  /** The best lane among them. */
  readonly lane: Lane
  readonly lastOffset: bigint
  readonly firstReceivedAt: number
  readonly correlationId: string
  readonly causationId: string
}

/** The next offset the inbox expects of a partition, with the row locked for this transaction. */
export async function lockCheckpoint (db: Queryable, topic: string, partition: number): Promise<bigint> {
  await db.query('insert into dispatch.checkpoint (topic, partition, next_offset) values ($1, $2, 0) on conflict do nothing', [topic, partition])
  const { rows } = await db.query<{ next_offset: bigint }>('select next_offset from dispatch.checkpoint where topic = $1 and partition = $2 for update', [topic, partition])
  return rows[0]?.next_offset ?? 0n
}

export async function saveCheckpoint (db: Queryable, at: { topic: string, partition: number, next: bigint }): Promise<void> {
  await db.query(`
    insert into dispatch.checkpoint (topic, partition, next_offset) values ($1, $2, $3)
    on conflict (topic, partition) do update set next_offset = greatest(dispatch.checkpoint.next_offset, excluded.next_offset)`, [at.topic, at.partition, at.next])
}

/** Saves the checkpoints of all partitions of a topic at once. */
export async function saveCheckpoints (db: Queryable, topic: string, next: ReadonlyMap<number, bigint>): Promise<void> {
  await db.query(`
    insert into dispatch.checkpoint (topic, partition, next_offset) select $1, partition, next from unnest($2::integer[], $3::bigint[]) as s (partition, next)
    on conflict (topic, partition) do update set next_offset = greatest(dispatch.checkpoint.next_offset, excluded.next_offset)`, [topic, [...next.keys()], [...next.values()]])
}

/** The checkpoints of a topic by partition. */
export async function readCheckpoints (db: Queryable, topic: string): Promise<Map<number, bigint>> {
  const { rows } = await db.query<{ partition: number, next_offset: bigint }>('select partition, next_offset from dispatch.checkpoint where topic = $1', [topic])
  return new Map(rows.map(row => [row.partition, row.next_offset]))
}

/**
 * Notes the signals of a chunk, one row per deal. A deal at rest begins to wait; one in hand stays in hand and is dirty by its
 * offset. One that goes to another target now forgets link, hash and edit: the same id is another deal there.
 * The lane of a deal at rest is that of its signals; while it waits or is in hand a better one lifts it and a worse one leaves it.
 * Signals at or below what is covered, read anew after the rows were lost, are counted and wake nothing.
 * A skip counts for a parked deal alone, or behind another skip: any other has a change that was not read yet.
 */
export async function noteSignals (db: Queryable, deals: readonly DealSignals[]): Promise<void> {
  await db.query({
    name: 'note-signals',
    text: `
      insert into dispatch.work as w (portal, deal_id, target, status, last_offset, signal_count, dirty_since, correlation_id, causation_id, due_at, held, skip_offset, lane)
      select portal, deal_id, target, 'waiting', last_offset, count, to_timestamp(since / 1000.0), correlation_id, causation_id, now(),
        hold, case when skip then last_offset end, lane
      from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::float8[], $7::text[], $8::text[], $9::boolean[], $10::boolean[], $11::smallint[])
        as s (portal, deal_id, target, count, last_offset, since, correlation_id, causation_id, hold, skip, lane)
      on conflict (portal, deal_id) do update
      set held = coalesce(excluded.held, w.held), skip_offset = case when w.status = 'parked' or w.skip_offset = w.last_offset then excluded.skip_offset end,
        last_offset = excluded.last_offset, signal_count = w.signal_count + excluded.signal_count,
        dirty_since = case when excluded.last_offset > w.covered_offset then coalesce(w.dirty_since, excluded.dirty_since) else w.dirty_since end, target = case when w.status in ('idle', 'parked') then excluded.target else w.target end,
        link = case when w.status in ('idle', 'parked') and w.target <> excluded.target then null else w.link end,
        written_hash = case when w.status in ('idle', 'parked') and w.target <> excluded.target then null else w.written_hash end,
        edit = case when w.status in ('idle', 'parked') and w.target <> excluded.target then null else w.edit end,
        correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
        lane = case when w.status in ('idle', 'parked') then excluded.lane else least(w.lane, excluded.lane) end,
        due_at = case when w.status in ('idle', 'parked') then now() else w.due_at end,
        status = case when w.status in ('idle', 'parked') and excluded.last_offset > w.covered_offset then 'waiting' else w.status end`,
    values: [deals.map(d => d.portal), deals.map(d => d.dealId), deals.map(d => d.target), deals.map(d => d.count), deals.map(d => d.lastOffset),
      deals.map(d => d.firstReceivedAt), deals.map(d => d.correlationId), deals.map(d => d.causationId),
      deals.map(d => d.wish?.hold ?? null), deals.map(d => d.wish?.skip ?? false), deals.map(d => LANES.indexOf(d.lane))]
  })
}
