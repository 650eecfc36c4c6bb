import { LOOK_UP_METHOD, probe } from '../bitrix24/read.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { monotonicMs } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { DispatcherTelemetry } from './telemetry.ts'

/** The lanes of the portals: one that refuses everything is stopped and only probed, so that nothing is burnt on it. */
export interface PortalLanes {
  client (portal: string): PortalClient | undefined
  /** Portals from which nothing is picked now: those that are stopped, and those whose time for reads is used up. */
  stopped (): string[]
  isStopped (portal: string): boolean
  stop (portal: string, failure: Failure): void
  /** Begins probes of stopped portals whose time has come, and of circuits that are half open. Waits for none: a portal that answers nothing must not hold up the others. */
  tend (signal: AbortSignal): void
}

const FIRST_STOP_MS = 5_000
const LONGEST_STOP_MS = 300_000
const BEAT_MS = 5_000

export function createPortalLanes (deps: { clients: ReadonlyMap<string, PortalClient>, logger: Logger, telemetry: DispatcherTelemetry }): PortalLanes {
  const { clients, logger, telemetry } = deps
  const stops = new Map<string, { until: number, length: number }>()

  const probed = new Set<string>()
  let beatAt = -Infinity

  const isStopped = (portal: string): boolean => stops.has(portal) || (clients.get(portal)?.breakerState() ?? 'closed') !== 'closed'

  function stop (portal: string, failure: Failure): void {
    const length = Math.min((stops.get(portal)?.length ?? FIRST_STOP_MS / 2) * 2, LONGEST_STOP_MS)
    if (!stops.has(portal)) logger.log('error', 'portal_stopped', { portal, code: failure.code, error: failure.detail })
    stops.set(portal, { until: monotonicMs() + length, length })
    telemetry.stopped.set({ portal }, 1)
  }

  /** A budget of which nothing is known counts as full: what is known early need not be waited for when work comes. */
  function beat (): void {
    if (monotonicMs() < beatAt) return
    beatAt = monotonicMs() + Math.max(BEAT_MS, clients.size * 10)
    for (const client of clients.values()) void client.limiter.beat()
  }

  async function look (name: string, client: PortalClient, signal: AbortSignal): Promise<void> {
    const failure = await probe(client, signal)
    failpoint('K18')
    if (failure?.class === 'portal') return stop(name, failure)
    if (failure !== null || !stops.delete(name)) return
    telemetry.stopped.set({ portal: name }, 0)
    logger.log('info', 'portal_works_again', { portal: name })
  }

  function tend (signal: AbortSignal): void {
    beat()
    for (const [name, client] of clients) {
      const due = monotonicMs() >= (stops.get(name)?.until ?? Infinity)
      if (probed.has(name) || (!due && client.breakerState() !== 'probing')) continue
      probed.add(name)
      look(name, client, signal)
        .catch((error: unknown) => { if (!signal.aborted) logger.log('warning', 'probe_failed', { portal: name, error: messageOf(error) }) })
        .finally(() => { probed.delete(name) })
    }
  }

  return { client: name => clients.get(name), stopped: () => [...clients].filter(([name, client]) => isStopped(name) || client.heldMs(LOOK_UP_METHOD) > 0).map(([name]) => name), isStopped, stop, tend }
}
