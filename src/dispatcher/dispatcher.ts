import type { PortalClient } from '../bitrix24/client.ts'
import type { MadeKind } from '../bitrix24/made.ts'
import type { Standing } from '../bitrix24/standing.ts'
import type { Quotas } from '../domain/schedule/share.ts'
import type { EventLog, Subscription } from '../eventlog/port.ts'
import { uuidv7 } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import type { EngineParts } from './context.ts'
import { startDuplicateScan } from './duplicates.ts'
import type { DuplicateScan, ScanTimes } from './duplicates.ts'
import { startEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { subscribeInbox } from './inbox.ts'
import { startLease } from './lease.ts'
import type { LeaseTimes, TargetLease } from './lease.ts'
import { createPortalLanes } from './portals.ts'
import type { PreparedRoute } from './plan.ts'
import { NO_TARGET, moveToRoutes } from './sql/routes.ts'
import type { DispatcherTelemetry } from './telemetry.ts'
import { UNKNOWN_WAIT_MS } from './unknown.ts'

export interface DispatcherDeps {
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: DispatcherTelemetry
  readonly clients: ReadonlyMap<string, PortalClient>
  /** By source portal: its target and its prepared mapping. */
  readonly routes: ReadonlyMap<string, { readonly to: string, readonly prepared: PreparedRoute }>
  /** How much of a target's writes a source portal gets while others wait; no entry: no limit. */
  readonly quotas?: Quotas
  /** Lets others see how a portal stands; may be called often, must not throw. */
  readonly tellStanding?: (portal: string, standing: Standing) => void
  /** For tests of the protocol alone; the product waits out the portal's longest request. */
  readonly unknownWaitMs?: number
  /** For tests as well: shorter leases, a scan more often, and bugs planted in place of a part. */
  readonly leaseTimes?: LeaseTimes
  readonly scanTimes?: ScanTimes
  readonly parts?: Partial<EngineParts>
}

export interface Dispatcher {
  /** Takes up the work of every target; waits for nobody. A second call changes nothing, nor does one after a stop. */
  start (): Promise<void>
  /** Finishes what is in hand, lets go of group and lease. For good. */
  stop (): Promise<void>
  readiness (): Promise<string[]>
  /** Resolves when the inbox died for good; the process must end. */
  readonly dead: Promise<Error>
}

/** The signals of the log become transfers: an inbox for all, an engine and a lease per target portal. */
export function createDispatcher (deps: DispatcherDeps): Dispatcher {
  const { log, pool, logger, telemetry, routes } = deps
  const owner = uuidv7()
  const lanes = createPortalLanes({ clients: deps.clients, logger, telemetry, tell: deps.tellStanding ?? (() => undefined) })
  const engines: { engine: Engine, lease: TargetLease, scan: DuplicateScan }[] = []
  let inbox: Subscription | undefined
  let opening: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let stopped = false
  let died: (error: Error) => void = () => undefined
  const dead = new Promise<Error>((resolve) => { died = resolve })

  async function openInbox (): Promise<void> {
    while (!stopped && inbox === undefined) {
      try {
        await moveToRoutes(pool, new Map([...routes].map(([portal, { to }]) => [portal, to])))
        inbox = await subscribeInbox({ log, pool, targetOf: portal => routes.get(portal)?.to ?? NO_TARGET, noted: () => { for (const { engine } of engines) engine.wake() } })
        void inbox.dead.then(died)
      } catch (error) {
        logger.log('warning', 'inbox_repeats', { error: messageOf(error) })
        await new Promise(resolve => setTimeout(resolve, 1000))
      }
    }
  }

  async function close (): Promise<void> {
    stopped = true
    await opening
    await inbox?.stop()
    await Promise.all(engines.map(async ({ engine, lease, scan }) => { await scan.stop(); await engine.stop(); await lease.stop() }))
  }

  return {
    dead,
    start () {
      if (stopped || opening !== undefined) return Promise.resolve()
      for (const target of new Set([...[...routes.values()].map(r => r.to), NO_TARGET])) {
        let wake = (): void => undefined
        const lease = startLease({ pool, logger, target, owner, changed: () => wake(), ...(deps.leaseTimes === undefined ? {} : { times: deps.leaseTimes }) })
        const mine = new Map([...routes].filter(([, r]) => r.to === target).map(([name, r]) => [name, r.prepared]))
        const engine = startEngine({ target, lease, lanes, routes: mine, log, pool, logger, telemetry, unknownWaitMs: deps.unknownWaitMs ?? UNKNOWN_WAIT_MS, quotas: deps.quotas ?? new Map(), parts: deps.parts })
        wake = () => engine.wake()
        const scan = startDuplicateScan({ target, kinds: kindsMade([...mine.values()]), lease, lanes, isBusy: () => engine.isBusy(), pool, logger, telemetry, times: deps.scanTimes })
        engines.push({ engine, lease, scan })
      }
      opening = openInbox()
      return Promise.resolve()
    },
    stop: () => stopping ??= close(),
    async readiness () {
      const missing: string[] = []
      if (stopped || inbox?.isHealthy() !== true) missing.push('kafka')
      await pool.query('select 1').catch(() => missing.push('postgres'))
      return missing
    }
  }
}

/** What these routes make in their target. */
function kindsMade (routes: readonly PreparedRoute[]): MadeKind[] {
  const carries = (kind: 'contacts' | 'companies'): boolean => routes.some(({ mapping }) => mapping[kind]?.carry === true)
  return ['deal', ...carries('contacts') ? ['contact' as const] : [], ...carries('companies') ? ['company' as const] : []]
}
