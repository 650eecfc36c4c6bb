import { monotonicMs } from '../platform/clock.ts'
import { createAhead } from './ahead.ts'
import type { EngineContext } from './context.ts'
import { recover } from './recovery.ts'
import { readAndDecide } from './source.ts'
import { countDue, freeFormer, freeOrphans } from './sql/claim.ts'
import type { Claim, Planned } from './work.ts'

/** Counting stops here: no round takes more of one portal. */
const MOST = 300

/** The step that takes up due work: follows the lease, asks for unknown outcomes whose wait is over, claims, reads and decides. */
export function createPicking (context: EngineContext, isDraining: () => boolean): () => Promise<void> {
  const { target, lease, lanes, pool, log, logger, telemetry, parts, memory, signal } = context
  const ahead = createAhead(context.quotas)
  let doubt = false

  /** Follows the lease: at a gain it recovers, at a loss it forgets everything it held in memory. */
  async function follow (): Promise<number | null> {
    const epoch = lease.epoch()
    if (epoch === memory.owned) return epoch
    memory.owned = null
    memory.forget()
    if (epoch === null) return null
    memory.unknown.add(await recover({ log, pool, logger, waitMs: context.unknownWaitMs }, { target, epoch }))
    memory.owned = epoch
    return epoch
  }

  /** Claims as much as fits, by fair share. After a claim whose answer was lost, what no memory holds is freed first. */
  async function claim (epoch: number): Promise<Claim[]> {
    await freeFormer(pool, { target, epoch })
    const takes = ahead.choose(await countDue(pool, { target, most: MOST, stopped: lanes.stopped() }), memory.ahead(), monotonicMs())
    if (takes.length === 0) return []
    doubt = true
    const claims = await parts.claimDue(pool, { target, epoch, takes })
    doubt = false
    for (const each of claims) memory.held.set(each.attemptId, each)
    return claims
  }

  async function read (claims: readonly Claim[], epoch: number): Promise<void> {
    const { portal = '' } = claims[0] ?? {}
    const reading = { claims, since: monotonicMs() }
    memory.reads.set(portal, reading)
    const result = await readAndDecide(claims, { lanes, route: context.routes.get(portal), epoch, signal }).finally(() => { if (memory.reads.get(portal) === reading) memory.reads.delete(portal) })
    if (memory.owned !== epoch) return
    if (memory.queued() === 0) memory.startWaiting()
    for (const planned of result.planned) (parts.mustLookUp(planned) ? memory.toLookUp : memory.ready).push(planned)
    context.sendBell.ring()
    context.pickBell.ring()
    await context.settle(result.outcomes)
  }

  async function settleUnknown (planned: readonly Planned[], epoch: number): Promise<void> {
    const client = lanes.client(target)
    if (client === undefined) return
    const { outcomes, undecided } = await parts.lookUpUnknown(client, planned, { epoch, signal })
    if (memory.owned === epoch) memory.unknown.add(undecided)
    await context.settle(outcomes)
  }

  return async () => {
    const epoch = await follow()
    if (epoch === null || isDraining()) return
    await lanes.tend(signal)
    telemetry.unknown.set(memory.unknown.size())
    if (doubt) {
      await freeOrphans(pool, { target, epoch, held: [...memory.held.keys()] })
      doubt = false
    }
    if (lanes.isStopped(target)) return
    const due = memory.unknown.takeDue()
    if (due.length > 0) context.track(settleUnknown(due, epoch))
    for (const group of Map.groupBy(await claim(epoch), c => c.portal).values()) context.track(read(group, epoch))
  }
}
