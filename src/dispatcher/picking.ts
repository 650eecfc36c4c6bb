import { messageOf } from '../platform/logger.ts'
import type { EngineContext } from './context.ts'
import { failed } from './outcome.ts'
import { createGathering } from './records/gathering.ts'
import type { Gathering } from './records/gathering.ts'
import type { RecordJob } from './records/record.ts'
import { lookUpRecords, recoverRecords } from './records/unknown.ts'
import { recover } from './recovery.ts'
import { decideFully, readAndDecide } from './source.ts'
import { freeOrphans } from './sql/claim.ts'
import type { Claim, Planned } from './work.ts'

const QUEUE = 300
const LEAST_ROOM = 50

/** The step that takes up due work: follows the lease, asks for unknown outcomes whose wait is over, claims, reads and decides. */
export function createPicking (context: EngineContext, isDraining: () => boolean): { readonly pick: () => Promise<void>, readonly gathering: Gathering } {
  const { target, lease, lanes, pool, log, logger, telemetry, parts, memory, signal } = context
  const gathering = createGathering(context, async (deal, links, epoch) => {
    const made = await decideFully(deal, links, epoch).catch((error: unknown) => failed(deal.claim, { class: 'transient', code: 'internal', detail: messageOf(error) }, epoch))
    if ('settlement' in made) await context.settle([made])
    else queue([made], epoch)
  })
  let doubt = false

  /** Follows the lease: at a gain it recovers, at a loss it forgets everything it held in memory. */
  async function follow (): Promise<number | null> {
    const epoch = lease.epoch()
    if (epoch === memory.owned) return epoch
    memory.owned = null
    memory.forget()
    if (epoch === null) return null
    memory.unknown.add(await recover({ log, pool, logger, waitMs: context.unknownWaitMs }, { target, epoch }))
    await recoverRecords(context, memory.book)
    memory.owned = epoch
    return epoch
  }

  /** Claims as much as fits. After a claim whose answer was lost, what no memory holds is freed first. */
  async function claim (epoch: number): Promise<Claim[]> {
    const room = QUEUE - memory.queued() - memory.reading
    if (room < LEAST_ROOM) return []
    doubt = true
    const claims = await parts.claimDue(pool, { target, epoch, limit: room, stopped: lanes.stopped() })
    doubt = false
    for (const each of claims) memory.held.set(each.attemptId, each)
    return claims
  }

  async function read (claims: readonly Claim[], epoch: number): Promise<void> {
    memory.reading += claims.length
    const result = await readAndDecide(claims, { lanes, route: context.routes.get(claims[0]?.portal ?? ''), epoch, signal }).finally(() => { memory.reading -= claims.length })
    queue(result.planned, epoch)
    if (memory.owned !== epoch) return
    await Promise.all([context.settle(result.outcomes), gathering.take(result.inHand, epoch)])
  }

  function queue (planned: readonly Planned[], epoch: number): void {
    if (memory.owned !== epoch) return
    if (memory.sendable() === 0) memory.startWaiting()
    for (const each of planned) (parts.mustLookUp(each) ? memory.toLookUp : memory.ready).push(each)
    context.sendBell.ring()
  }

  async function settleUnknownRecords (jobs: readonly RecordJob[], epoch: number): Promise<void> {
    const client = lanes.client(target)
    if (client === undefined) return
    await gathering.took(await lookUpRecords(client, jobs, signal), epoch)
    await context.records.wake()
    context.pickBell.ring()
  }

  async function settleUnknown (planned: readonly Planned[], epoch: number): Promise<void> {
    const client = lanes.client(target)
    if (client === undefined) return
    const { outcomes, undecided } = await parts.lookUpUnknown(client, planned, { epoch, signal })
    if (memory.owned === epoch) memory.unknown.add(undecided)
    await context.settle(outcomes)
  }

  async function pick (): Promise<void> {
    const epoch = await follow()
    if (epoch === null || isDraining()) return
    await lanes.tend(signal)
    telemetry.unknown.set(memory.unknown.size() + memory.book.unknown.size())
    if (doubt) {
      await freeOrphans(pool, { target, epoch, held: [...memory.held.keys()] })
      doubt = false
    }
    if (lanes.isStopped(target)) return
    const due = memory.unknown.takeDue()
    if (due.length > 0) context.track(settleUnknown(due, epoch))
    const records = memory.book.unknown.takeDue()
    if (records.length > 0) context.track(settleUnknownRecords(records, epoch))
    for (const group of Map.groupBy(await claim(epoch), c => c.portal).values()) context.track(read(group, epoch))
  }

  return { pick, gathering }
}
