import { LOOK_UP_METHOD, probe } from '../bitrix24/read.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import type { Standing } from '../bitrix24/standing.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { monotonicMs, now } from '../platform/clock.ts'
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
  /** Starts to probe stopped portals whose time has come, and circuits that are half open; waits for no answer, since a portal may hang. */
  tend (signal: AbortSignal): void
}

const FIRST_STOP_MS = 5_000
const LONGEST_STOP_MS = 300_000
const BEAT_MS = 5_000

/** `tell` lets others see how a portal stands: at every change, and every five seconds or more while this process works for a target. */
export function createPortalLanes (deps: { clients: ReadonlyMap<string, PortalClient>, logger: Logger, telemetry: DispatcherTelemetry, tell: (portal: string, standing: Standing) => void }): PortalLanes {
  const { clients, logger, telemetry, tell } = deps
  const stops = new Map<string, { readonly until: number, readonly length: number, readonly since: number, readonly failure: Failure }>()
  const failingSince = new Map<string, number>()

  /** Portals whose probe waits for its slot. */
  const asking = new Set<string>()
  let beatAt = -Infinity

  const isStopped = (portal: string): boolean => stops.has(portal) || (clients.get(portal)?.breakerState() ?? 'closed') !== 'closed'

  function stop (portal: string, failure: Failure): void {
    const before = stops.get(portal)
    const length = Math.min((before?.length ?? FIRST_STOP_MS / 2) * 2, LONGEST_STOP_MS)
    if (before === undefined) logger.log('error', 'portal_stopped', { portal, code: failure.code, error: failure.detail })
    stops.set(portal, { until: monotonicMs() + length, length, since: before?.since ?? now(), failure })
    telemetry.stopped.set({ portal }, 1)
    if (before === undefined) tell(portal, standingOf(portal))
  }

  /** A budget of which nothing is known counts as full: what is known early need not be waited for when work comes. */
  function beat (): void {
    if (monotonicMs() < beatAt) return
    beatAt = monotonicMs() + Math.max(BEAT_MS, clients.size * 10)
    for (const [name, client] of clients) {
      void client.limiter.beat()
      tell(name, standingOf(name))
    }
  }

  function standingOf (portal: string): Standing {
    const [stopped, since] = [stops.get(portal), failingSince.get(portal)]
    if (stopped !== undefined) return { state: 'stopped', since: stopped.since, code: stopped.failure.code, detail: stopped.failure.detail }
    return since === undefined ? { state: 'works' } : { state: 'failing', since }
  }

  /** Notices where a circuit has opened or closed since the last look. */
  function lookAtCircuit (portal: string, client: PortalClient): void {
    const isOpen = client.breakerState() !== 'closed'
    if (isOpen === failingSince.has(portal)) return
    if (isOpen) failingSince.set(portal, now())
    else failingSince.delete(portal)
    telemetry.failing.set({ portal }, isOpen ? 1 : 0)
    logger.log(isOpen ? 'warning' : 'info', isOpen ? 'portal_fails' : 'portal_answers_again', { portal })
    tell(portal, standingOf(portal))
  }

  function tend (signal: AbortSignal): void {
    beat()
    for (const [name, client] of clients) {
      lookAtCircuit(name, client)
      const stopped = stops.get(name)
      const isDue = client.breakerState() === 'probing' || (stopped !== undefined && monotonicMs() >= stopped.until)
      if (!isDue || asking.has(name)) continue
      asking.add(name)
      void ask(name, client, signal).catch((error: unknown) => { if (!signal.aborted) logger.log('warning', 'probe_repeats', { portal: name, error: messageOf(error) }) })
    }
  }

  /** The next probe may go out before the answer of this one, which a portal that hangs does not give. */
  async function ask (name: string, client: PortalClient, signal: AbortSignal): Promise<void> {
    const slot = await client.limiter.slot(signal).finally(() => { asking.delete(name) })
    const stopped = stops.get(name)
    if (stopped !== undefined) stops.set(name, { ...stopped, until: monotonicMs() + stopped.length })
    const failure = await probe(client, slot)
    failpoint('K18')
    if (failure?.class === 'portal') return stop(name, failure)
    if (failure !== null || !stops.delete(name)) return
    telemetry.stopped.set({ portal: name }, 0)
    logger.log('info', 'portal_works_again', { portal: name })
    tell(name, standingOf(name))
  }

  return { client: name => clients.get(name), stopped: () => [...clients].filter(([name, client]) => isStopped(name) || client.heldMs(LOOK_UP_METHOD) > 0).map(([name]) => name), isStopped, stop, tend }
}
