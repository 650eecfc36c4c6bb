import { failpoint } from '../platform/failpoint.ts'
import type { EngineContext } from './context.ts'
import { recover } from './recovery.ts'
import { readAndDecide } from './source.ts'
import { freeOrphans } from './sql/claim.ts'
import type { Claim, Planned } from './work.ts'

const QUEUE = 300
const LEAST_ROOM = 50

/** The step that takes up due work: follows the lease, asks for unknown outcomes whose wait is over, claims, reads and decides. */
export function createPicking (context: EngineContext, isDraining: () => boolean): () => Promise<void> {
  const { target, lease, lanes, pool, log, logger, telemetry, parts, memory, signal } = context
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

  /** Claims as much as fits. After a claim whose answer was lost, what no memory holds is freed first. */
  async function claim (epoch: number): Promise<Claim[]> {
    const room = QUEUE - memory.queued() - memory.reading
    if (room < LEAST_ROOM) return []
    doubt = true
    const claims = await parts.claimDue(pool, { target, epoch, limit: room, stopped: lanes.stopped() })
    if (claims.length > 0) failpoint('K9')
    doubt = false
    for (const each of claims) memory.held.set(each.attemptId, each)
    return claims
  }

  async function read (claims: readonly Claim[], epoch: number): Promise<void> {
    memory.reading += claims.length
    const result = await readAndDecide(claims, { lanes, route: context.routes.get(claims[0]?.portal ?? ''), epoch, signal }).finally(() => { memory.reading -= claims.length })
    if (memory.owned !== epoch) return
    if (memory.queued() === 0) memory.startWaiting()
    for (const planned of result.planned) (parts.mustLookUp(planned) ? memory.toLookUp : memory.ready).push(planned)
    context.sendBell.ring()
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
