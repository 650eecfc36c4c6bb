import { monotonicMs } from '../platform/clock.ts'
import type { Held } from './ahead.ts'
import { createRecordBook } from './records/book.ts'
import type { RecordBook } from './records/book.ts'
import type { RecordJob } from './records/record.ts'
import type { DealInHand } from './source.ts'
import type { UnknownBox } from './unknown.ts'
import type { Claim, Planned } from './work.ts'

/** What an owner of the lease holds of its target's work beside the rows. All of it is forgotten with the lease. */
export interface Memory {
  /** The epoch whose recovery is done; null: nothing is picked and nothing is sent. */
  owned: number | null
  /** Writes that may go into the next request, in order. */
  readonly ready: Planned[]
  /** Writes for which the target must be asked first. */
  readonly toLookUp: Planned[]
  /** Claims of this epoch that this process knows of, by attempt. */
  readonly held: Map<string, Claim>
  readonly unknown: UnknownBox<Planned>
  /** The contacts and companies in hand, and the deals that wait for them. */
  readonly book: RecordBook<DealInHand>
  /** Claims that are being read now, by source portal, and since when (monotonic ms). A portal has one read at a time. */
  readonly reads: Map<string, { readonly claims: readonly Claim[], readonly since: number }>
  /** Deals and records that were in a request which the target refused as a whole, until they have an answer of their own. */
  readonly suspects: Set<string>
  /** How many deals and records wait to be sent, or wait for such. */
  queued (): number
  /** How many of them a request could take now. */
  sendable (): number
  /** The deals that are being read, wait for their records or wait to be sent. */
  ahead (): Held[]
  /** Notes the moment since which the oldest queued write waits for a full load. */
  startWaiting (): void
  waitedMs (): number
  forget (): void
}

export function createMemory (how: { readonly unknownWaitMs: number, readonly matchKeys: (job: RecordJob) => readonly string[], readonly createUnknownBox: (waitMs: number) => UnknownBox<Planned> }): Memory {
  const ready: Planned[] = []
  const toLookUp: Planned[] = []
  const held = new Map<string, Claim>()
  const reads: Memory['reads'] = new Map()
  const unknown = how.createUnknownBox(how.unknownWaitMs)
  const book = createRecordBook<DealInHand>(how)
  const suspects = new Set<string>()
  let waitingSince = 0
  return {
    owned: null, ready, toLookUp, held, unknown, book, reads, suspects,
    queued: () => ready.length + toLookUp.length + book.waiting.size + book.size(),
    sendable: () => ready.length + toLookUp.length + book.queue.length,
    ahead: () => [
      ...[...ready, ...toLookUp, ...book.waiting].map(({ claim }) => ({ lane: claim.lane, portal: claim.portal, since: null })),
      ...[...reads.values()].flatMap(({ claims, since }) => claims.map(({ lane, portal }) => ({ lane, portal, since })))
    ],
    startWaiting () { waitingSince = monotonicMs() },
    waitedMs: () => monotonicMs() - waitingSince,
    forget () {
      ready.length = 0
      toLookUp.length = 0
      held.clear()
      unknown.clear()
      book.clear()
      suspects.clear()
    }
  }
}
