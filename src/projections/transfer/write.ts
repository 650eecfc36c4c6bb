import type { Queryable } from '../../platform/postgres.ts'
import { columns, textColumn, textOrNull, timeColumn } from '../column.ts'
import type { TransferRow } from './project.ts'

/** Adds outcomes. A row that is there already is an error on purpose: the checkpoint would be behind its rows. */
export async function addTransfers (db: Queryable, rows: readonly TransferRow[]): Promise<void> {
  if (rows.length === 0) return
  await db.query({
    name: 'transfer-add',
    text: `
      insert into read_v1.transfer (portal, deal_id, log_offset, log_partition, occurred_at, outcome, action, target, target_deal_id,
        attempt_no, epoch, covered_count, signalled_at, land_ms, tries, duration_ms, mapping_version, stage, title, reason, detail, correlation_id)
      select * from unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::timestamptz[], $14::bigint[], $15::bigint[], $16::bigint[],
        $17::bigint[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])`,
    values: columns(rows, r => r.portal, r => textColumn(r.dealId), r => r.offset, r => r.partition, r => timeColumn(r.occurredAt),
      r => r.outcome, r => r.action, r => textColumn(r.target), r => textOrNull(r.targetDealId), r => r.attemptNo, r => r.epoch,
      r => r.coveredCount, r => timeColumn(r.signalledAt), r => r.landMs, r => r.tries, r => r.durationMs, r => r.mappingVersion,
      r => textOrNull(r.stage), r => textOrNull(r.title), r => textOrNull(r.reason), r => textOrNull(r.detail), r => textColumn(r.correlationId))
  })
}
