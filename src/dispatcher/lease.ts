// Who may write to a target. Promises: of two owners only the newer epoch's intents are accepted, and an owner stops
// writing before its lease ends. Does not promise: that a process frozen between its last check and the socket write
// stays silent. Breaks it: a database that forgets commits. Watched by sql/work.int.test.ts: an intent of a former epoch is refused.
import { monotonicMs } from '../platform/clock.ts'
import type { Pool } from '../platform/postgres.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'

const TTL_MS = 10_000
const RENEW_MS = 3_000
const MARGIN_MS = 1_000

export interface TargetLease {
  /** The epoch while this process owns the lease, else null. */
  epoch (): number | null
  /** Monotonic ms after which nothing may be written under this epoch. */
  deadline (): number
  stop (): Promise<void>
}

/** Holds or stands by for the lease of one target; `changed` is called at every gain and loss. */
export function startLease (deps: { pool: Pool, logger: Logger, target: string, owner: string, changed: () => void }): TargetLease {
  const { pool, logger, target, owner } = deps
  let epoch: number | null = null
  let deadline = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  function lose (): void {
    if (epoch === null) return
    logger.log('warning', 'lease_lost', { target, epoch })
    epoch = null
    deps.changed()
  }

  async function turn (): Promise<void> {
    const asked = monotonicMs()
    try {
      const got = epoch === null ? await acquireLease(pool, { target, owner }) : await renewLease(pool, { target, owner, epoch })
      if (got === null) lose()
      else {
        deadline = asked + TTL_MS - MARGIN_MS
        if (epoch === null) {
          epoch = got
          logger.log('info', 'lease_taken', { target, epoch: got })
          deps.changed()
        }
      }
    } catch (error) {
      logger.log('warning', 'lease_unreachable', { target, error: messageOf(error) })
      if (monotonicMs() > deadline) lose()
    }
    if (!stopped) timer = setTimeout(() => void turn(), epoch === null ? 500 : RENEW_MS)
  }
  const first = turn()

  return {
    epoch: () => epoch !== null && monotonicMs() < deadline ? epoch : null,
    deadline: () => deadline,
    async stop () {
      stopped = true
      await first
      clearTimeout(timer)
      if (epoch !== null) await releaseLease(pool, { target, owner, epoch }).catch(() => undefined)
      epoch = null
    }
  }
}

async function acquireLease (pool: Pool, { target, owner }: { target: string, owner: string }): Promise<number | null> {
  const { rows } = await pool.query<{ epoch: bigint }>(`
    insert into dispatch.lease as l (target, epoch, owner, expires_at) values ($1, 1, $2, now() + $3 * interval '1 millisecond')
    on conflict (target) do update set epoch = l.epoch + 1, owner = excluded.owner, expires_at = excluded.expires_at where l.expires_at < now()
    returning epoch`, [target, owner, TTL_MS])
  return rows[0] === undefined ? null : Number(rows[0].epoch)
}

async function renewLease (pool: Pool, { target, owner, epoch }: { target: string, owner: string, epoch: number }): Promise<number | null> {
  const { rowCount } = await pool.query(`
    update dispatch.lease set expires_at = now() + $4 * interval '1 millisecond'
    where target = $1 and owner = $2 and epoch = $3`, [target, owner, epoch, TTL_MS])
  return rowCount === 1 ? epoch : null
}

async function releaseLease (pool: Pool, { target, owner, epoch }: { target: string, owner: string, epoch: number }): Promise<void> {
  await pool.query('update dispatch.lease set expires_at = now() - interval \'1 millisecond\' where target = $1 and owner = $2 and epoch = $3', [target, owner, epoch])
}
