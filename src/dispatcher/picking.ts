import { monotonicMs } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import { messageOf } from '../platform/logger.ts'
import { createAhead } from './ahead.ts'
import type { EngineContext } from './context.ts'
import { failed } from './outcome.ts'
import { createGathering } from './records/gathering.ts'
import type { Gathering } from './records/gathering.ts'
import type { RecordJob } from './records/record.ts'
import { lookUpRecords, recoverRecords } from './records/unknown.ts'
import { recover } from './recovery.ts'
import { decideFully, readAndDecide } from './source.ts'
import { countDue, freeFormer, freeOrphans } from './sql/claim.ts'
import type { Claim, Planned } from './work.ts'

/** Counting stops here: no round takes more of one portal. */
const MOST = 300

/** The step that takes up due work: follows the lease, asks for unknown outcomes whose wait is over, claims, reads and decides. */
export function createPicking (context: EngineContext, isDraining: () => boolean): { readonly pick: () => Promise<void>, readonly gathering: Gathering } {
  const { target, lease, lanes, pool, log, logger, telemetry, parts, memory, signal } = context
  const ahead = createAhead(context.quotas)
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

  /** Claims as much as fits, by fair share. After a claim whose answer was lost, what no memory holds is freed first. */
  async function claim (epoch: number): Promise<Claim[]> {
    await freeFormer(pool, { target, epoch })
    const takes = ahead.choose(await countDue(pool, { target, most: MOST, stopped: lanes.stopped() }), memory.ahead(), monotonicMs())
    if (takes.length === 0) return []
    doubt = true
    const claims = await parts.claimDue(pool, { target, epoch, takes })
    if (claims.length > 0) failpoint('K9')
    doubt = false
    for (const each of claims) memory.held.set(each.attemptId, each)
    return claims
  }

  async function read (claims: readonly Claim[], epoch: number): Promise<void> {
    const { portal = '' } = claims[0] ?? {}
    const reading = { claims, since: monotonicMs() }
    memory.reads.set(portal, reading)
    const result = await readAndDecide(claims, { lanes, route: context.routes.get(portal), epoch, signal }).finally(() => { if (memory.reads.get(portal) === reading) memory.reads.delete(portal) })
    queue(result.planned, epoch)
    context.pickBell.ring()
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
    lanes.tend(signal)
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
