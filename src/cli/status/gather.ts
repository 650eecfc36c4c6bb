import { readBudget } from '../../bitrix24/budget.ts'
import type { BudgetLevel } from '../../bitrix24/budget.ts'
import { readStanding } from '../../bitrix24/standing.ts'
import type { Standing } from '../../bitrix24/standing.ts'
import { forecast } from '../../domain/schedule/forecast.ts'
import type { Forecast } from '../../domain/schedule/forecast.ts'
import type { EventLog } from '../../eventlog/port.ts'
import { now } from '../../platform/clock.ts'
import { createRedis } from '../../platform/redis.ts'
import type { Redis } from '../../platform/redis.ts'
import { countParked } from '../../projections/attention/read.ts'
import { countStates, sumByPortal } from '../../projections/deal/read.ts'
import type { DealState, PortalSums } from '../../projections/deal/read.ts'
import { readLag } from '../../projections/read.ts'
import type { Lag } from '../../projections/read.ts'
import { paceByPortal } from '../../projections/transfer/read.ts'
import type { Pace } from '../../projections/transfer/read.ts'
import { withLog } from '../with-parts.ts'
import type { Parts } from '../with-parts.ts'

/** All that one screen shows; null where a part did not answer, whose name then stands in `away`. */
export interface Status {
  readonly sums: readonly PortalSums[] | null
  readonly states: ReadonlyMap<DealState, bigint> | null
  readonly parked: readonly { readonly reason: string, readonly deals: bigint }[] | null
  /** Of each portal with an open deal: how many such deals, and when they clear at the pace of the last two minutes. */
  readonly backlog: readonly { readonly portal: string, readonly deals: bigint, readonly forecast: Forecast }[] | null
  readonly lag: Lag | null
  readonly budget: ReadonlyMap<string, BudgetLevel | null> | null
  /** How each portal stands; null: no dispatcher has told lately. */
  readonly portals: ReadonlyMap<string, Standing | null> | null
  readonly away: readonly ('kafka' | 'postgres' | 'redis')[]
}

const PATIENCE_MS = 8_000

/** Asks every part at the same time, and no part longer than eight seconds. */
export async function gather (parts: Parts): Promise<Status> {
  const { pool, config } = parts
  const read = answer(async () => ({ sums: await sumByPortal(pool, null), paces: await paceByPortal(pool, null), states: await countStates(pool), parked: await countParked(pool) }))
  const ends = answer(() => withLog(parts, async log => new Map([['deal-signals', await log.ends('deal-signals')], ['deal-transfers', await log.ends('deal-transfers')]] as const)))
  const ofEach = async <T>(look: (place: { portal: string, address: string }) => Promise<T>): Promise<ReadonlyMap<string, T>> =>
    new Map(await Promise.all(config.portals.map(async ({ name }) => [name, await look({ portal: name, address: config.egress_address })] as const)))
  const shared = answer(() => withRedis(parts, async redis => ({ levels: await ofEach(place => readBudget(redis, place)), standings: await ofEach(place => readStanding(redis, place)) })))
  const [models, log, said] = await Promise.all([read, ends, shared])
  const behind: Pick<EventLog, 'ends'> = { ends: topic => Promise.resolve(log?.get(topic) ?? new Map<number, bigint>()) }
  const lag = models === null || log === null ? null : await answer(() => readLag(behind, pool))
  const away = ([['postgres', models], ['kafka', log], ['redis', said]] as const).flatMap(([name, found]) => found === null ? [name] : [])
  return {
    sums: models?.sums ?? null, backlog: models === null ? null : backlogOf(models.sums, models.paces), states: models?.states ?? null, parked: models?.parked ?? null, lag, budget: said?.levels ?? null, portals: said?.standings ?? null, away
  }
}

function backlogOf (sums: readonly PortalSums[], paces: readonly Pace[]): NonNullable<Status['backlog']> {
  return sums.filter(row => row.backlog > 0n).map(({ portal, backlog }) => {
    const pace = paces.find(each => each.portal === portal)
    return { portal, deals: backlog, forecast: forecast({ open: Number(backlog), ended: pace?.ended ?? 0, overMs: pace?.overMs ?? 1 }, now()) }
  })
}

async function answer<T> (ask: () => Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => { timer = setTimeout(() => resolve(null), PATIENCE_MS) })
  return await Promise.race([ask().catch(() => null), late]).finally(() => clearTimeout(timer))
}

async function withRedis<T> ({ config, logger }: Parts, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = createRedis(config.redis.url, logger)
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once('ready', resolve)
      redis.once('close', () => reject(new Error('Redis does not answer')))
    })
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
