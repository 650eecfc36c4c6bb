// Finds changes whose webhook never came. Promises: each portal is swept once per period however many processes run, and a
// restart goes on at the cursor. Does not promise: an order between portals. Breaks it: a database that forgets commits.
// Watched by sweep.int.test.ts and test/e2e/sweep.e2e.test.ts.
import type { PortalClient } from '../bitrix24/client.ts'
import { LOOK_UP_METHOD } from '../bitrix24/read.ts'
import type { EventLog } from '../eventlog/port.ts'
import { uuidv7 } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import type { Forecast } from './forecast.ts'
import { pause } from './pace.ts'
import { claimPortal, ensurePortals } from './sql/portal.ts'
import type { SweepTelemetry } from './telemetry.ts'
import { LEASE_MS, visit } from './visit.ts'
import type { SweepTimes, Visited } from './visit.ts'
import { PARTS } from './work.ts'
import type { SweepParts, SweepRoute } from './work.ts'

/** A source portal with a route; `perSecond` is what its plan allows, of which the sweep takes 2 %. */
export interface SweptPortal { readonly client: PortalClient, readonly perSecond: number, readonly route: SweepRoute }

export interface SweepDeps {
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: SweepTelemetry
  readonly portals: ReadonlyMap<string, SweptPortal>
  readonly times: SweepTimes
  /** Whether deals that a portal had before dealbridge heard of them are transferred too. */
  readonly backfill: boolean
  /** For tests: a bug planted in place of a part. */
  readonly parts?: Partial<SweepParts>
}

export interface Sweep {
  /** Begins to sweep; waits for nobody. A second call changes nothing, nor does one after a stop. */
  start (): Promise<void>
  /** Breaks off what is in hand, which costs nothing: the cursor moves at the end of a pass alone. For good. */
  stop (): Promise<void>
  readiness (): Promise<string[]>
  /** One visit to a portal now, whatever its date; null while another process has it in hand. */
  once (portal: string, options: OnceOptions): Promise<Visited | null>
}

/** `full`: with the whole full pass. `trusted`: deals it does not find are signalled as deleted, however many. `told` hears how far it is. */
export interface OnceOptions { readonly full: boolean, readonly trusted?: boolean, readonly told?: (portal: string, forecast: Forecast) => void }

const WORKERS = 8
const IDLE_MS = 1000
const RETRY_MS = 1000

export function createSweep (deps: SweepDeps): Sweep {
  const { log, pool, logger, portals, times } = deps
  const owner = uuidv7()
  const abort = new AbortController()
  const [{ signal }, parts] = [abort, { ...PARTS, ...deps.parts }]
  const kept = new Map([...portals].map(([name, swept]) => [name, { ...swept, pace: parts.createPace(swept.perSecond) }]))
  let working: Promise<unknown> | undefined
  let ready = false

  async function claimAndVisit (names: readonly string[], how: OnceOptions & { anyTime: boolean }): Promise<Visited | null> {
    const claimed = await claimPortal(pool, { portals: names, owner: `${owner} ${uuidv7()}`, ttlMs: LEASE_MS, anyTime: how.anyTime })
    const swept = claimed === null ? undefined : kept.get(claimed.portal)
    if (claimed === null || swept === undefined) return null
    return await visit(claimed, { ...deps, ...swept, owner: claimed.owner, signal, parts, full: how.full, trusted: how.trusted ?? false, told: how.told ?? (() => undefined) })
  }

  async function work (): Promise<void> {
    while (!signal.aborted) {
      try {
        // A portal whose time for reads is used up would only refuse.
        const names = [...portals].filter(([, { client }]) => client.heldMs(LOOK_UP_METHOD) === 0).map(([name]) => name)
        if (await claimAndVisit(names, { anyTime: false, full: false }) === null) await pause(Math.min(IDLE_MS, times.everyMs), signal)
      } catch (error) {
        if (signal.aborted) return
        logger.log('warning', 'sweep_repeats', { error: messageOf(error) })
        await pause(RETRY_MS, signal).catch(() => undefined)
      }
    }
  }

  async function begin (): Promise<void> {
    while (!signal.aborted && !ready) {
      try {
        await ensurePortals(pool, [...portals.keys()], { ...times, fullAtOnce: deps.backfill })
        ready = !signal.aborted
      } catch (error) {
        logger.log('warning', 'sweep_repeats', { error: messageOf(error) })
        await pause(RETRY_MS, signal).catch(() => undefined)
      }
    }
    await Promise.all(Array.from({ length: Math.min(WORKERS, portals.size) }, work))
  }

  return {
    start () {
      if (!signal.aborted) working ??= begin()
      return Promise.resolve()
    },
    async stop () {
      abort.abort()
      await working
      ready = false
    },
    async readiness () {
      const missing = signal.aborted || !ready ? ['sweep'] : []
      if (!log.isWritable()) missing.push('kafka')
      await pool.query('select 1').catch(() => missing.push('postgres'))
      return missing
    },
    async once (portal, options) {
      await ensurePortals(pool, [...portals.keys()], { ...times, fullAtOnce: deps.backfill })
      return await claimAndVisit([portal], { ...options, anyTime: true })
    }
  }
}
