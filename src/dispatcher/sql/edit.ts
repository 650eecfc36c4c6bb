import type { Queryable } from '../../platform/postgres.ts'
import type { DealSignals } from './inbox.ts'

/**
 * Notes what operators gave in place of the mapping, or took back, for deals whose signals are noted in the same transaction:
 * a kill in between neither loses an edit nor keeps one that was taken back.
 */
export async function noteEdits (db: Queryable, deals: readonly DealSignals[]): Promise<void> {
  const said = deals.flatMap(({ portal, dealId, wish }) => wish?.edit === undefined ? [] : [{ portal, dealId, edit: wish.edit }])
  if (said.length === 0) return
  const { rowCount } = await db.query(`
    update dispatch.work w set edit = s.edit, edit_of = s.edit_of
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as s (portal, deal_id, edit, edit_of)
    where w.portal = s.portal and w.deal_id = s.deal_id`,
  [said.map(d => d.portal), said.map(d => d.dealId), said.map(d => d.edit === null ? null : JSON.stringify(d.edit.fields)), said.map(d => d.edit?.of ?? null)])
  if (rowCount !== said.length) throw new Error(`edits of ${said.length} deals were to be noted, ${rowCount ?? 0} have a row`)
}
