import type { Queryable } from '../../platform/postgres.ts'

/**
 * Where the full pass of a portal stands. `after`: up to which id it has listed, null while none runs. `total`: deals it will
 * list, null when untold. `listed` and `signalled` are of this pass. `endedBefore`: it is not the first. Times in ms.
 */
export interface Walk {
  readonly after: bigint | null
  readonly width: number
  readonly beganAt: number | null
  readonly total: number | null
  readonly listed: number
  readonly signalled: number
  readonly endedBefore: boolean
}

/** A portal in hand: how far it was listed by time (ms), and its full pass. */
export interface Claimed { readonly portal: string, readonly owner: string, readonly cursorAt: number | null, readonly walk: Walk, readonly fullDue: boolean }

/** What a pass leaves behind; undefined keeps what stands. */
export interface Left { readonly cursorAt?: number | undefined, readonly nextInMs: number }

interface Row {
  portal: string
  cursor_at: Date | null
  full_after: bigint | null
  full_due: boolean
  full_width: number
  full_began_at: Date | null
  full_total: bigint | null
  full_listed: bigint
  full_signalled: bigint
  full_ended_at: Date | null
}

/** Makes the rows of new portals, and brings dates nearer when the config has shorter times now. With `fullAtOnce` a new portal's full pass is due now. */
export async function ensurePortals (db: Queryable, portals: readonly string[], times: { everyMs: number, fullEveryMs: number, fullAtOnce: boolean }): Promise<void> {
  await db.query(`
    insert into sweep.portal as p (portal, full_due_at)
    select name, now() + case when $4 then 0 else $3::float8 end * interval '1 millisecond' from unnest($1::text[]) as n (name)
    on conflict (portal) do update
    set next_at = least(p.next_at, now() + $2 * interval '1 millisecond'), full_due_at = least(p.full_due_at, now() + $3 * interval '1 millisecond')`,
  [portals, times.everyMs, times.fullEveryMs, times.fullAtOnce])
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
    returning portal, cursor_at, full_after, full_after is not null or full_due_at <= now() as full_due,
      full_width, full_began_at, full_total, full_listed, full_signalled, full_ended_at`,
  [wanted.portals, wanted.owner, wanted.ttlMs, wanted.anyTime ?? false])
  const row = rows[0]
  return row === undefined ? null : { portal: row.portal, owner: wanted.owner, cursorAt: row.cursor_at?.getTime() ?? null, walk: walkOf(row), fullDue: row.full_due }
}

function walkOf (row: Row): Walk {
  return {
    after: row.full_after, width: row.full_width, beganAt: row.full_began_at?.getTime() ?? null, total: row.full_total === null ? null : Number(row.full_total),
    listed: Number(row.full_listed), signalled: Number(row.full_signalled), endedBefore: row.full_ended_at !== null
  }
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
      cursor_at = coalesce(to_timestamp($3::float8 / 1000), cursor_at), next_at = now() + $4 * interval '1 millisecond'
    where portal = $1 and owner = $2`,
  [mine.portal, mine.owner, left.cursorAt ?? null, left.nextInMs])
  return rowCount === 1
}

/** Writes how far the full pass is; when it is over (`after` null) the next one is due `fullInMs` after this one began. False, and nothing is written, when the portal is another's by now. */
export async function saveWalk (db: Queryable, mine: { portal: string, owner: string }, { walk, fullInMs }: { walk: Walk, fullInMs: number }): Promise<boolean> {
  const { rowCount } = await db.query(`
    update sweep.portal set full_after = $3, full_width = $4, full_began_at = to_timestamp($5::float8 / 1000), full_total = $6, full_listed = $7, full_signalled = $8,
      full_ended_at = case when $3::bigint is null then now() else full_ended_at end,
      full_due_at = case when $3::bigint is null then to_timestamp($5::float8 / 1000) + $9 * interval '1 millisecond' else full_due_at end
    where portal = $1 and owner = $2`,
  [mine.portal, mine.owner, walk.after, walk.width, walk.beganAt, walk.total, walk.listed, walk.signalled, fullInMs])
  return rowCount === 1
}
