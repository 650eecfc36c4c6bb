// The transfers of one target portal. Promises: at most one transfer of a deal at a time, nothing sent without a
// committed intent of this epoch, every claim ends in a settlement. Does not promise: an order between deals.
// Breaks it: writing to the target from anywhere else. Watched by test/e2e.
import { asUpdate } from '../bitrix24/write.ts'
import type { EventLog } from '../eventlog/port.ts'
import { monotonicMs, now } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import { createBell } from './bell.ts'
import type { TargetLease } from './lease.ts'
import { failed, unknownEvent, waitAgain } from './outcome.ts'
import type { PreparedRoute } from './plan.ts'
import type { PortalLanes } from './portals.ts'
import { recover } from './recovery.ts'
import { createSettler } from './settle.ts'
import { readAndDecide } from './source.ts'
import { claimDue, freeOrphans } from './sql/claim.ts'
import { commitIntents } from './sql/intent.ts'
import { originOf, sendLoad, takeHeld, takeLoad } from './target.ts'
import type { Load } from './target.ts'
import type { DispatcherTelemetry } from './telemetry.ts'
import { createUnknownBox, lookUpUnknown } from './unknown.ts'
import type { Claim, Planned } from './work.ts'

export interface EngineDeps {
  readonly target: string
  readonly lease: TargetLease
  readonly lanes: PortalLanes
  readonly routes: ReadonlyMap<string, PreparedRoute>
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: DispatcherTelemetry
  readonly unknownWaitMs: number
  readonly parts?: Partial<EngineParts> | undefined
}

/** The parts whose promises the engine rests on; a test puts a bug in the place of one. */
export interface EngineParts {
  readonly claimDue: typeof claimDue
  readonly commitIntents: typeof commitIntents
  readonly sendLoad: typeof sendLoad
  readonly lookUpUnknown: typeof lookUpUnknown
  /** Whether the target is asked for the deal before the write is sent (rule `lookFirst`). */
  readonly mustLookUp: (planned: Planned) => boolean
}

const PARTS: EngineParts = { claimDue, commitIntents, sendLoad, lookUpUnknown, mustLookUp: planned => planned.write.kind === 'create' }

export interface Engine { wake (): void, stop (): Promise<void> }

const IN_FLIGHT = 4
const QUEUE = 300
const FULL_LOAD = 50
const FILL_MS = 150
const SEND_WINDOW_MS = 4_000
const IDLE_MS = 250

/** Starts the loops of one target; they do nothing while this process does not own the lease. */
export function startEngine (deps: EngineDeps): Engine {
  const { target, lease, lanes, pool, log, logger, telemetry } = deps
  const parts = { ...PARTS, ...deps.parts }
  const abort = new AbortController()
  const { signal } = abort
  const settler = createSettler({ log, pool, logger, telemetry, signal })
  const [pickBell, sendBell] = [createBell(), createBell()]
  const unknown = createUnknownBox(deps.unknownWaitMs)
  const ready: Planned[] = []
  const toLookUp: Planned[] = []
  const held = new Map<string, Claim>()
  const working = new Set<Promise<void>>()
  let owned: number | null = null
  let reading = 0
  let inFlight = 0
  let waitingSince = 0
  let draining = false
  let doubt = false

  function track (work: Promise<void>): void {
    const done = work.catch((error: unknown) => logger.log('error', 'dispatcher_failed', { target, error: messageOf(error) })).finally(() => { working.delete(done) })
    working.add(done)
  }

  async function settle (outcomes: Parameters<typeof settler.tell>[0]): Promise<void> {
    await settler.tell(outcomes)
    for (const { claim } of outcomes) held.delete(claim.attemptId)
    pickBell.ring()
  }

  /** Follows the lease: at a gain it recovers, at a loss it forgets everything it held in memory. */
  async function follow (): Promise<number | null> {
    const epoch = lease.epoch()
    if (epoch === owned) return epoch
    owned = null
    ready.length = 0
    toLookUp.length = 0
    held.clear()
    unknown.clear()
    if (epoch === null) return null
    unknown.add(await recover({ log, pool, logger, waitMs: deps.unknownWaitMs }, { target, epoch }))
    owned = epoch
    return epoch
  }

  async function pick (): Promise<void> {
    const epoch = await follow()
    if (epoch === null || draining) return
    await lanes.tend(signal)
    telemetry.unknown.set(unknown.size())
    if (doubt) {
      await freeOrphans(pool, { target, epoch, held: [...held.keys()] })
      doubt = false
    }
    const due = lanes.isStopped(target) ? [] : unknown.takeDue()
    if (due.length > 0) track(settleUnknown(due, epoch))
    const room = QUEUE - ready.length - toLookUp.length - reading
    if (room < FULL_LOAD || lanes.isStopped(target)) return
    doubt = true
    const claims = await parts.claimDue(pool, { target, epoch, limit: room, stopped: lanes.stopped() })
    if (claims.length > 0) failpoint('K9')
    doubt = false
    for (const claim of claims) held.set(claim.attemptId, claim)
    for (const group of Map.groupBy(claims, c => c.portal).values()) track(read(group, epoch))
  }

  async function read (claims: readonly Claim[], epoch: number): Promise<void> {
    reading += claims.length
    const result = await readAndDecide(claims, { lanes, route: deps.routes.get(claims[0]?.portal ?? ''), epoch, signal }).finally(() => { reading -= claims.length })
    if (owned !== epoch) return
    if (ready.length + toLookUp.length === 0) waitingSince = monotonicMs()
    for (const planned of result.planned) (parts.mustLookUp(planned) ? toLookUp : ready).push(planned)
    sendBell.ring()
    await settle(result.outcomes)
  }

  async function send (): Promise<void> {
    const queued = ready.length + toLookUp.length
    const epoch = lease.epoch()
    if (queued === 0 || inFlight >= IN_FLIGHT || epoch === null || epoch !== owned || lanes.isStopped(target)) return sendBell.wait(IDLE_MS)
    // A request spends a slot whatever it carries: while more deals are being read, wait a moment for a full one.
    if (reading > 0 && ready.length < FULL_LOAD && monotonicMs() - waitingSince < FILL_MS) return sendBell.wait(20)
    const client = lanes.client(target)
    if (client === undefined) return sendBell.wait(IDLE_MS)
    const waiting = takeHeld(ready, toLookUp, client)
    if (waiting.length > 0) return track(settle(waiting))
    // The slot comes before the intent: a wait for it must not eat the send window.
    const slot = await client.limiter.slot(signal)
    if (lease.epoch() !== epoch || owned !== epoch) return
    const load = takeLoad(ready, toLookUp)
    waitingSince = monotonicMs()
    inFlight += 1
    track(deliver(load, { epoch, slot, client }).finally(() => { inFlight -= 1; sendBell.ring() }))
  }

  async function deliver (load: Load, how: { epoch: number, slot: Parameters<typeof sendLoad>[2]['slot'], client: Parameters<typeof sendLoad>[0] }): Promise<void> {
    const { epoch, slot, client } = how
    const intentAt = monotonicMs()
    const committed = load.writes.length === 0 ? new Set<string>() : await parts.commitIntents(pool, { target, epoch, planned: load.writes }).then((done) => { failpoint('K10'); return done }).catch((error: unknown) => messageOf(error))
    if (typeof committed === 'string') {
      // The statement may have committed; nothing was sent, so the attempt is given back by its name.
      await settle([...load.writes, ...load.lookUps].map(p => waitAgain(p.claim, { delayMs: 1000, reason: 'intent_failed' })))
      return
    }
    const writes = load.writes.filter(p => committed.has(p.claim.attemptId))
    for (const lost of load.writes) if (!committed.has(lost.claim.attemptId)) held.delete(lost.claim.attemptId)
    if (writes.length + load.lookUps.length === 0) return
    const notAfter = Math.min(lease.deadline(epoch), intentAt + SEND_WINDOW_MS)
    const result = await parts.sendLoad(client, { writes, lookUps: load.lookUps }, { slot, notAfter, epoch, targetMissing: portal => deps.routes.get(portal)?.mapping.on_target_missing ?? 'park' })
    if (result.portalFailure !== null) lanes.stop(target, result.portalFailure)
    const again = result.found === null ? load.lookUps.map(p => failed(p.claim, result.portalFailure ?? { class: 'transient', code: 'look_up_failed', detail: 'The target did not answer the look-up.' }, epoch)) : []
    if (result.found !== null) failpoint('K30')
    if (result.found !== null && owned === epoch) for (const planned of load.lookUps) ready.push(afterLookUp(planned, result.found))
    sendBell.ring()
    await Promise.all([settle([...result.outcomes, ...again]), takeUnknown(result.unknown, epoch)])
  }

  async function takeUnknown (planned: readonly Planned[], epoch: number): Promise<void> {
    if (planned.length === 0) return
    if (owned === epoch) unknown.add(planned)
    for (const { claim } of planned) held.delete(claim.attemptId)
    await settler.tellUnknown(planned.map(p => unknownEvent(p, { reason: 'no_answer', lookUpAt: now() + deps.unknownWaitMs }, epoch)))
  }

  async function settleUnknown (planned: readonly Planned[], epoch: number): Promise<void> {
    const client = lanes.client(target)
    if (client === undefined) return
    const { outcomes, undecided } = await parts.lookUpUnknown(client, planned, { epoch, signal })
    if (owned === epoch) unknown.add(undecided)
    await settle(outcomes)
  }

  async function loop (step: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await step()
      } catch (error) {
        if (signal.aborted) return
        logger.log('warning', 'dispatcher_repeats', { target, error: messageOf(error) })
        await new Promise(resolve => setTimeout(resolve, 500))
      }
    }
  }
  const loops = [loop(async () => { await pick(); await pickBell.wait(IDLE_MS) }), loop(send)]

  return {
    wake: () => pickBell.ring(),
    async stop () {
      draining = true
      const end = monotonicMs() + 15_000
      while ((working.size > 0 || ready.length + toLookUp.length > 0) && owned !== null && monotonicMs() < end) {
        await Promise.race([...working, new Promise(resolve => setTimeout(resolve, 100))])
      }
      abort.abort()
      pickBell.ring()
      sendBell.ring()
      await Promise.all(loops)
    }
  }
}

/** A create that has been looked up: the deal that is there already is updated instead. */
function afterLookUp (planned: Planned, found: Awaited<ReturnType<typeof sendLoad>>['found']): Planned {
  const target = found?.get(originOf(planned))
  if (target === undefined || planned.write.kind !== 'create') return planned
  return { ...planned, write: asUpdate(planned.write, target.id) }
}
