import type { Queryable } from '../../platform/postgres.ts'

/**
 * Takes the lease when it is free or over, with an epoch above that of every target: a deal whose route is changed
 * goes to another target, and readers leave out an outcome whose epoch is lower than one seen for its deal.
 */
export async function acquireLease (db: Queryable, wanted: { target: string, owner: string, ttlMs: number }): Promise<number | null> {
  const { rows } = await db.query<{ epoch: bigint }>(`
    insert into dispatch.lease as l (target, epoch, owner, expires_at)
    values ($1, (select coalesce(max(epoch), 0) + 1 from dispatch.lease), $2, now() + $3 * interval '1 millisecond')
    on conflict (target) do update
    set epoch = greatest(l.epoch + 1, excluded.epoch), owner = excluded.owner, expires_at = excluded.expires_at where l.expires_at < now()
    returning epoch`, [wanted.target, wanted.owner, wanted.ttlMs])
  return rows[0] === undefined ? null : Number(rows[0].epoch)
}

/** The highest epoch that any target was ever leased with, as far as this database knows; 0 when there was none. */
export async function highestEpoch (db: Queryable): Promise<number> {
  const { rows } = await db.query<{ epoch: bigint }>('select coalesce(max(epoch), 0) as epoch from dispatch.lease')
  return Number(rows[0]?.epoch)
}

/** Prolongs the lease; false when it is another's, or was over. */
export async function renewLease (db: Queryable, mine: { target: string, owner: string, epoch: number, ttlMs: number }): Promise<boolean> {
  const { rowCount } = await db.query(`
    update dispatch.lease set expires_at = now() + $4 * interval '1 millisecond'
    where target = $1 and owner = $2 and epoch = $3 and expires_at > now()`, [mine.target, mine.owner, mine.epoch, mine.ttlMs])
  return rowCount === 1
}

/** Lets go of the lease, so that another takes it at once; changes nothing when it is not ours. */
export async function releaseLease (db: Queryable, mine: { target: string, owner: string, epoch: number }): Promise<void> {
  await db.query('update dispatch.lease set expires_at = now() - interval \'1 millisecond\' where target = $1 and owner = $2 and epoch = $3', [mine.target, mine.owner, mine.epoch])
}
