import { createUnknownBox } from '../unknown.ts'
import type { UnknownBox } from '../unknown.ts'
import type { Claim } from '../work.ts'
import { recordKey } from './record.ts'
import type { RecordJob } from './record.ts'

/** A deal that waits in memory until the records in `on` are done. */
export interface WaitingDeal { readonly claim: Claim, readonly on: Set<string> }

/**
 * The records that an owner of the lease has in hand, and the deals that wait for them.
 *
 * Two records that may turn out to be the same (a telephone, an address, a title in common) are never looked up at a time:
 * both would find nobody, and a person would be made twice. The second stays `blocked` until the first is settled.
 */
export interface RecordBook<D extends WaitingDeal> {
  readonly waiting: Set<D>
  readonly unknown: UnknownBox<RecordJob>
  /** Jobs that may travel now, in order. */
  readonly queue: RecordJob[]
  job (key: string): RecordJob | undefined
  isUnknown (key: string): boolean
  /** The attempts that this process holds, or is asking for. */
  held (): string[]
  /** Notes attempts before their claim is asked for, so that nobody else of this process takes them; gives the end of it. */
  asking (attemptIds: readonly string[]): () => void
  /** Takes a claimed record into the queue; false when one that may be the same is unknown. */
  take (job: RecordJob): boolean
  /** Puts a job back into the queue for its next step. */
  next (job: RecordJob): void
  /** The outcome of a job is unknown. Gives the jobs that were blocked by it, which are let go. */
  becomesUnknown (job: RecordJob): RecordJob[]
  /** The job is settled; what it blocked may travel. */
  release (job: RecordJob): void
  /** Jobs that will travel without waiting for an unknown one. */
  size (): number
  clear (): void
}

export function createRecordBook<D extends WaitingDeal> ({ unknownWaitMs, matchKeys }: { readonly unknownWaitMs: number, readonly matchKeys: (job: RecordJob) => readonly string[] }): RecordBook<D> {
  const jobs = new Map<string, RecordJob>()
  const unknownKeys = new Set<string>()
  const locks = new Map<string, RecordJob>()
  const asked = new Set<string>()
  const queue: RecordJob[] = []
  let blocked: RecordJob[] = []
  const unknown = createUnknownBox<RecordJob>(unknownWaitMs)
  const keyOf = (job: RecordJob): string => recordKey(job.claim)
  const holder = (job: RecordJob): RecordJob | undefined => matchKeys(job).map(key => locks.get(key)).find(other => other !== undefined && keyOf(other) !== keyOf(job))

  function enqueue (job: RecordJob): void {
    for (const key of matchKeys(job)) locks.set(key, job)
    queue.push(job)
  }

  function drop (job: RecordJob): void {
    jobs.delete(keyOf(job))
    unknownKeys.delete(keyOf(job))
    for (const [key, owner] of locks) if (keyOf(owner) === keyOf(job)) locks.delete(key)
  }

  return {
    waiting: new Set(), unknown, queue,
    job: key => jobs.get(key),
    isUnknown: key => unknownKeys.has(key),
    held: () => [...asked, ...[...jobs.values()].map(job => job.claim.attemptId)],
    asking (attemptIds) {
      for (const id of attemptIds) asked.add(id)
      return () => { for (const id of attemptIds) asked.delete(id) }
    },
    take (job) {
      const before = holder(job)
      if (before !== undefined && unknownKeys.has(keyOf(before))) return false
      jobs.set(keyOf(job), job)
      if (before === undefined) enqueue(job)
      else blocked.push(job)
      return true
    },
    next (job) {
      jobs.set(keyOf(job), job)
      queue.push(job)
    },
    becomesUnknown (job) {
      jobs.set(keyOf(job), job)
      unknownKeys.add(keyOf(job))
      for (const key of matchKeys(job)) if (!locks.has(key)) locks.set(key, job)
      unknown.add([job])
      const letGo = blocked.filter((each) => { const owner = holder(each); return owner !== undefined && unknownKeys.has(keyOf(owner)) })
      blocked = blocked.filter(each => !letGo.includes(each))
      return letGo
    },
    release (job) {
      drop(job)
      const free = blocked
      blocked = []
      for (const each of free) {
        if (holder(each) === undefined) enqueue(each)
        else blocked.push(each)
      }
    },
    size: () => jobs.size - unknownKeys.size,
    clear () {
      jobs.clear(); unknownKeys.clear(); locks.clear(); asked.clear(); unknown.clear()
      queue.length = 0
      blocked = []
      this.waiting.clear()
    }
  }
}
