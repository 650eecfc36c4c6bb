import type { PortalClient } from '../bitrix24/client.ts'
import type { Slot } from '../bitrix24/limiter.ts'
import { asUpdate } from '../bitrix24/write.ts'
import { UNANSWERED } from '../domain/transfer/failure.ts'
import { monotonicMs, now } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import type { EngineContext } from './context.ts'
import { failed, unknownEvent, waitAgain } from './outcome.ts'
import type { Gathering } from './records/gathering.ts'
import type { RecordJob, RecordResult } from './records/record.ts'
import type { LoadResult } from './target.ts'
import { canSend, methodsOf, namesIn, originOf, takeHeld, takeLoad } from './load.ts'
import type { Load } from './load.ts'
import { createLookUps } from './look-ups.ts'
import { createTurns } from './turns.ts'
import type { Planned } from './work.ts'

const IN_FLIGHT = 4
const FILL_MS = 150
const SEND_WINDOW_MS = 4_000
const IDLE_MS = 250

interface Sent { readonly epoch: number, readonly slot: Slot, readonly client: PortalClient }

/** The step that sends one load to the target: slot, then intent, then call, then outcomes. */
export function createSending (context: EngineContext, gathering: Gathering): () => Promise<void> {
  const { target, lease, lanes, pool, parts, memory, sendBell, signal } = context
  const [turns, lookUps] = [createTurns(context.quotas), createLookUps(context.quotas)]
  let inFlight = 0

  /** The client while a load may be sent now; else how long to wait for that. */
  function mayBegin (epoch: number | null): PortalClient | number {
    if (memory.sendable() === 0 || inFlight >= IN_FLIGHT || epoch === null || epoch !== memory.owned || lanes.isStopped(target)) return IDLE_MS
    const client = lanes.client(target)
    if (client === undefined) return IDLE_MS
    // A request spends a slot whatever it carries: while more deals are being read, wait a moment for a full one.
    if (memory.reads.size > 0 && memory.ready.length + memory.book.queue.length < client.batchSize() && memory.waitedMs() < FILL_MS) return 20
    return client
  }

  async function send (): Promise<void> {
    const epoch = lease.epoch()
    const client = mayBegin(epoch)
    if (typeof client === 'number' || epoch === null) return sendBell.wait(typeof client === 'number' ? client : IDLE_MS)
    const waiting = takeHeld(memory.ready, memory.toLookUp, client)
    const records = gathering.holdBack(method => client.heldMs(method))
    if (waiting.length + records.length > 0) return context.track(Promise.all([context.settle(waiting), gathering.took(records, epoch)]).then(() => undefined))
    if (!canSend(memory, client)) return sendBell.wait(IDLE_MS)
    // The slot comes before the intent: a wait for it must not eat the send window.
    const slot = await client.limiter.slot(signal)
    if (lease.epoch() !== epoch || memory.owned !== epoch) return
    const load = takeLoad(memory, { client, turns, lookUps, suspects: memory.suspects })
    const end = client.begin(methodsOf(load))
    memory.startWaiting()
    inFlight += 1
    context.track(deliver(load, { epoch, slot, client }).finally(() => { end(); inFlight -= 1; sendBell.ring() }))
  }

  async function deliver (load: Load, how: Sent): Promise<void> {
    const intentAt = monotonicMs()
    const intended = await intend(load, how.epoch)
    if (intended === null || intended.writes.length + load.lookUps.length + intended.records.length === 0) return
    const notAfter = Math.min(lease.deadline(how.epoch), intentAt + SEND_WINDOW_MS)
    const result = await parts.sendLoad(how.client, { ...intended, lookUps: load.lookUps }, { slot: how.slot, notAfter, epoch: how.epoch, targetMissing: portal => context.routes.get(portal)?.mapping.on_target_missing ?? 'park' })
    for (const name of namesIn(load)) if (result.isRefused) memory.suspects.add(name); else memory.suspects.delete(name)
    await take(result, load, how.epoch)
  }

  /** Commits the intents and gives what may be sent; null when a statement failed, and nothing of the load is. */
  async function intend (load: Load, epoch: number): Promise<Omit<Load, 'lookUps'> | null> {
    const writing = load.records.filter(job => job.write !== null)
    const committed = await Promise.all([
      load.writes.length === 0 ? new Set<string>() : parts.commitIntents(pool, { target, epoch, planned: load.writes }),
      writing.length === 0 ? new Set<string>() : parts.commitRecordIntents(pool, { target, epoch, jobs: writing })
    ]).then((done) => { if (load.writes.length > 0) failpoint('K10'); return done }).catch(() => null)
    if (committed === null) return await giveBack(load, epoch)
    const [deals, records] = committed
    for (const { claim } of load.writes) if (!deals.has(claim.attemptId)) memory.held.delete(claim.attemptId)
    await gathering.took(writing.filter(job => !records.has(job.claim.attemptId)).map(job => ({ job, kind: 'lost' })), epoch)
    return { writes: load.writes.filter(p => deals.has(p.claim.attemptId)), records: load.records.filter(job => job.write === null || records.has(job.claim.attemptId)) }
  }

  /** A statement may have committed; nothing was sent, so the attempts are given back by their names. */
  async function giveBack (load: Load, epoch: number): Promise<null> {
    const unsent = (job: RecordJob): RecordResult => ({ job, kind: 'failed', failure: { class: 'unsent', code: 'intent_failed', detail: '' } })
    await Promise.all([
      context.settle([...load.writes, ...load.lookUps].map(p => waitAgain(p.claim, { delayMs: 1000, reason: 'intent_failed' }))),
      gathering.took(load.records.map(unsent), epoch)
    ])
    return null
  }

  async function take (result: LoadResult, load: Load, epoch: number): Promise<void> {
    const { found, portalFailure } = result
    if (portalFailure !== null) lanes.stop(target, portalFailure)
    const again = found === null ? load.lookUps.map(p => failed(p.claim, portalFailure ?? UNANSWERED, epoch)) : []
    if (found !== null) failpoint('K30')
    if (found !== null && memory.owned === epoch) for (const planned of load.lookUps) (result.isPageFull && !found.has(originOf(planned)) ? memory.toLookUp : memory.ready).push(afterLookUp(planned, found))
    sendBell.ring()
    await Promise.all([context.settle([...result.outcomes, ...again]), takeUnknown(result.unknown, epoch), gathering.took(result.records, epoch)])
  }

  async function takeUnknown (planned: readonly Planned[], epoch: number): Promise<void> {
    if (planned.length === 0) return
    if (memory.owned === epoch) memory.unknown.add(planned)
    for (const { claim } of planned) memory.held.delete(claim.attemptId)
    await context.settler.tellUnknown(planned.map(p => unknownEvent(p, { reason: 'no_answer', lookUpAt: now() + context.unknownWaitMs }, epoch)))
  }

  return send
}

/** A create that has been looked up: the deal that is there already is updated instead. */
function afterLookUp (planned: Planned, found: NonNullable<LoadResult['found']>): Planned {
  const target = found.get(originOf(planned))
  if (target === undefined || planned.write.kind !== 'create') return planned
  return { ...planned, write: asUpdate(planned.write, target.id) }
}
