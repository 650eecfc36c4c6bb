import type { Queryable } from '../../platform/postgres.ts'
import { columns, textColumn, timeColumn } from '../column.ts'
import type { TimelineRow } from './project.ts'

/** Adds events. A row that is there already is an error on purpose: the checkpoint would be behind its rows. */
export async function addTimeline (db: Queryable, rows: readonly TimelineRow[]): Promise<void> {
  if (rows.length === 0) return
  await db.query({
    name: 'timeline-add',
    text: `
      insert into read_v1.deal_timeline (portal, deal_id, topic, log_offset, at, type, text, correlation_id)
      select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])`,
    values: columns(rows, r => r.portal, r => textColumn(r.dealId), r => r.topic, r => r.offset, r => timeColumn(r.at), r => r.type,
      r => textColumn(r.text), r => textColumn(r.correlationId))
  })
}
