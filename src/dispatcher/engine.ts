// The transfers of one target portal. Promises: at most one transfer of a deal at a time, nothing sent without a
// committed intent of this epoch, every claim ends in a settlement. Does not promise: an order between deals.
// Breaks it: writing to the target from anywhere else. Watched by test/e2e.
import { monotonicMs } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import { createBell } from './bell.ts'
import type { EngineContext, EngineDeps, EngineParts } from './context.ts'
import { createMemory } from './memory.ts'
import type { Outcome } from './outcome.ts'
import { createPicking } from './picking.ts'
import { createSending } from './sending.ts'
import { matchKeys } from './records/record.ts'
import { createRecordSettler } from './records/settle.ts'
import { createSettler } from './settle.ts'
import { claimDue } from './sql/claim.ts'
import { commitIntents } from './sql/intent.ts'
import { commitRecordIntents } from './sql/record.ts'
import { sendLoad } from './target.ts'
import { createUnknownBox, lookUpUnknown } from './unknown.ts'

const PARTS: EngineParts = {
  claimDue, commitIntents, commitRecordIntents, sendLoad, lookUpUnknown, createUnknownBox, mustLookUp: planned => planned.write.kind === 'create', mustLookUpRecord: () => true, matchKeys
}

export interface Engine {
  wake (): void
  /** Whether something waits to be sent. */
  isBusy (): boolean
  stop (): Promise<void>
}

const IDLE_MS = 250
const DRAIN_MS = 15_000
const AFTER_ERROR_MS = 500

/** Starts the loops of one target; they do nothing while this process does not own the lease. */
export function startEngine (deps: EngineDeps): Engine {
  const abort = new AbortController()
  const working = new Set<Promise<void>>()
  const context = contextOf(deps, { working, signal: abort.signal })
  const { memory, pickBell, sendBell } = context
  let draining = false
  const picking = createPicking(context, () => draining)
  const loops = [loop(context, async () => { await picking.pick(); await pickBell.wait(IDLE_MS) }), loop(context, createSending(context, picking.gathering))]

  return {
    wake: () => pickBell.ring(),
    isBusy: () => memory.sendable() > 0,
    async stop () {
      draining = true
      const end = monotonicMs() + DRAIN_MS
      while ((working.size > 0 || memory.queued() > 0) && memory.owned !== null && monotonicMs() < end) {
        await Promise.race([...working, new Promise(resolve => setTimeout(resolve, 100))])
      }
      abort.abort()
      pickBell.ring()
      sendBell.ring()
      await Promise.all(loops)
    }
  }
}

function contextOf (deps: EngineDeps, { working, signal }: { working: Set<Promise<void>>, signal: AbortSignal }): EngineContext {
  const { target, log, pool, logger, telemetry } = deps
  const [pickBell, sendBell] = [createBell(), createBell()]
  const parts = { ...PARTS, ...deps.parts }
  const memory = createMemory({ unknownWaitMs: deps.unknownWaitMs, matchKeys: parts.matchKeys, createUnknownBox: parts.createUnknownBox })
  const settler = createSettler({ log, pool, logger, telemetry, signal })

  async function settle (outcomes: readonly Outcome[]): Promise<void> {
    await settler.tell(outcomes)
    for (const { claim } of outcomes) memory.held.delete(claim.attemptId)
    pickBell.ring()
  }

  function track (work: Promise<void>): void {
    const done = work.catch((error: unknown) => logger.log('error', 'dispatcher_failed', { target, error: messageOf(error) })).finally(() => { working.delete(done) })
    working.add(done)
  }

  return { ...deps, parts, memory, settler, records: createRecordSettler({ target, pool, logger, telemetry, settler }), pickBell, sendBell, signal, track, settle }
}

/** Repeats a step until the engine stops; an error is told, and the step is taken again a moment later. */
async function loop ({ target, signal, logger }: EngineContext, step: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await step()
    } catch (error) {
      if (signal.aborted) return
      logger.log('warning', 'dispatcher_repeats', { target, error: messageOf(error) })
      await new Promise(resolve => setTimeout(resolve, AFTER_ERROR_MS))
    }
  }
}
