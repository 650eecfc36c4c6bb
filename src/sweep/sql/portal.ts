import type { Queryable } from '../../platform/postgres.ts'

/** A portal in hand: how far it was listed, and how far a running full pass has come (null: none runs). Times in ms. */
export interface Claimed { readonly portal: string, readonly owner: string, readonly cursorAt: number | null, readonly fullAfter: bigint | null, readonly fullDue: boolean }

/** What a pass leaves behind; undefined keeps what stands. */
export interface Left { readonly cursorAt?: number | undefined, readonly fullAfter?: bigint | null | undefined, readonly nextInMs: number, readonly fullInMs?: number | undefined }

interface Row { portal: string, cursor_at: Date | null, full_after: bigint | null, full_due: boolean }

/** Makes the rows of new portals, and brings dates nearer when the config has shorter times now. */
export async function ensurePortals (db: Queryable, portals: readonly string[], times: { everyMs: number, fullEveryMs: number }): Promise<void> {
  await db.query(`
    insert into sweep.portal as p (portal, full_due_at)
    select name, now() + $3 * interval '1 millisecond' from unnest($1::text[]) as n (name)
    on conflict (portal) do update
    set next_at = least(p.next_at, now() + $2 * interval '1 millisecond'), full_due_at = least(p.full_due_at, excluded.full_due_at)`,
  [portals, times.everyMs, times.fullEveryMs])
}

/**
 * Takes the lease of one of these portals: the one that is due the longest, or with `anyTime` any that nobody holds.
 * Two processes never get the same one, and a portal is not due again before its period is over, whoever swept it.
 */
export async function claimPortal (db: Queryable, wanted: { portals: readonly string[], owner: string, ttlMs: number, anyTime?: boolean }): Promise<Claimed | null> {
  const { rows } = await db.query<Row>(`
    update sweep.portal p set owner = $2, lease_until = now() + $3 * interval '1 millisecond'
    where p.portal = (
      select portal from sweep.portal where portal = any($1::text[]) and lease_until < now() and ($4 or next_at <= now())
      order by next_at, portal limit 1 for update skip locked)
    returning portal, cursor_at, full_after, full_after is not null or full_due_at <= now() as full_due`,
  [wanted.portals, wanted.owner, wanted.ttlMs, wanted.anyTime ?? false])
  const row = rows[0]
  return row === undefined ? null : { portal: row.portal, owner: wanted.owner, cursorAt: row.cursor_at?.getTime() ?? null, fullAfter: row.full_after, fullDue: row.full_due }
}

/** Prolongs the lease; false when it is another's. */
export async function renewPortal (db: Queryable, mine: { portal: string, owner: string, ttlMs: number }): Promise<boolean> {
  const { rowCount } = await db.query(`update sweep.portal set lease_until = now() + $3 * interval '1 millisecond' where portal = $1 and owner = $2`, [mine.portal, mine.owner, mine.ttlMs])
  return rowCount === 1
}

/** Writes what a pass leaves and lets go of the portal; false, and nothing is written, when it is another's by now. */
export async function finishPortal (db: Queryable, mine: { portal: string, owner: string }, left: Left): Promise<boolean> {
  const { rowCount } = await db.query(`
    update sweep.portal set owner = null, lease_until = 'epoch',
      cursor_at = coalesce(to_timestamp($3::float8 / 1000), cursor_at), next_at = now() + $4 * interval '1 millisecond',
      full_after = case when $5 then $6::bigint else full_after end,
      full_due_at = coalesce(now() + $7::float8 * interval '1 millisecond', full_due_at)
    where portal = $1 and owner = $2`,
  [mine.portal, mine.owner, left.cursorAt ?? null, left.nextInMs, left.fullAfter !== undefined, left.fullAfter ?? null, left.fullInMs ?? null])
  return rowCount === 1
}
