import type { Queryable } from '../../platform/postgres.ts'

/** The target of signals that no route wants. No portal can be called so. */
export const NO_TARGET = '-'

/**
 * Hands work that waits over to the target its portal has now. A claim promises nothing to the outside and may be taken
 * away; an intent stays where it was sent. Link, written hash and edit stay behind: the same id is another deal there.
 */
export async function moveToRoutes (db: Queryable, targets: ReadonlyMap<string, string>): Promise<number> {
  const { rowCount } = await db.query(`
    with now_at as (
      select w.portal, w.deal_id, coalesce(r.target, $3) as target
      from dispatch.work w left join unnest($1::text[], $2::text[]) as r (portal, target) on r.portal = w.portal
      where w.status in ('waiting', 'deferred', 'claimed') and w.target <> coalesce(r.target, $3)
    )
    update dispatch.work w
    set target = n.target, link = null, written_hash = null, edit = null, status = 'waiting', due_at = now(), attempt_id = null
    from now_at n
    where w.portal = n.portal and w.deal_id = n.deal_id and w.status in ('waiting', 'deferred', 'claimed')`,
  [[...targets.keys()], [...targets.values()], NO_TARGET])
  return rowCount ?? 0
}
