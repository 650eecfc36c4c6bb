// The records that deals need. Promises: a deal is decided only once its records stand in the target; one record is written by one
// transfer at a time, never without a committed intent, and never while an outcome of it is unknown. Does not promise: that a
// record which a person deleted in the target is noticed before it changes in the source. Breaks it: writing records of the
// target from elsewhere. Watched by records.int.test.ts.
import type { CarriedLink } from '../../domain/mapping/carried.ts'
import { judgeRead } from '../../domain/transfer/version.ts'
import { uuidv7 } from '../../platform/clock.ts'
import { messageOf } from '../../platform/logger.ts'
import type { EngineContext } from '../context.ts'
import { failed, settledByDecision, waitAgain } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import type { DealInHand } from '../source.ts'
import { RECORD_UNKNOWN, claimRecords, findRecords } from '../sql/record.ts'
import type { StandingRecord } from '../sql/record.ts'
import { createOf, methodsOf } from './travel.ts'
import { recordKey } from './record.ts'
import type { RecordJob, RecordNeed, RecordResult } from './record.ts'

const SOON_MS = 500

/** How the records of deals become ready. */
export interface Gathering {
  /** Takes deals whose records must stand first: each is decided, waits in memory, or is put back to wait. Never throws. */
  take (deals: readonly DealInHand[], epoch: number): Promise<void>
  /** Takes what became of records: the deals that wait for them go on, wait longer, or end. */
  took (results: readonly RecordResult[], epoch: number): Promise<void>
  /** Takes jobs off the queue whose method's time is used up in the target. */
  holdBack (heldMs: (method: string) => number): RecordResult[]
}

/** What a row says about a need: there, in hand, to be claimed, or not now. */
type Standing =
  | { readonly kind: 'ready', readonly targetId: string }
  | { readonly kind: 'busy' }
  | { readonly kind: 'claim' }
  | { readonly kind: 'wait', readonly delayMs: number, readonly reason: string }

export function createGathering (context: EngineContext, decide: (deal: DealInHand, links: readonly CarriedLink[], epoch: number) => Promise<void>): Gathering {
  const { target, pool, memory, parts } = context
  const { book } = memory
  const longWait = { delayMs: context.unknownWaitMs + SOON_MS, reason: RECORD_UNKNOWN }

  async function take (deals: readonly DealInHand[], epoch: number): Promise<void> {
    if (deals.length === 0 || memory.owned !== epoch) return
    try {
      await gather(deals.filter(deal => !subscribes(deal)), epoch)
    } catch (error) {
      for (const deal of deals) book.waiting.delete(deal)
      await context.settle(deals.map(deal => failed(deal.claim, { class: 'transient', code: 'internal', detail: messageOf(error) }, epoch)))
    }
  }

  /** A deal whose records are in hand waits for them; the rows are asked afterwards. */
  function subscribes (deal: DealInHand): boolean {
    deal.on.clear()
    for (const need of deal.needs) {
      const key = recordKey(need)
      if (book.job(key) !== undefined && !book.isUnknown(key)) deal.on.add(key)
    }
    if (deal.on.size > 0) book.waiting.add(deal)
    return deal.on.size > 0
  }

  async function gather (deals: readonly DealInHand[], epoch: number): Promise<void> {
    const needs = newest(deals.flatMap(deal => deal.needs))
    const rows = new Map((needs.size === 0 ? [] : await findRecords(pool, target, [...needs.values()])).map(row => [recordKey(row), row]))
    const standings = new Map([...needs].map(([key, need]) => [key, standing(key, need, rows.get(key))]))
    const wanted = deals.flatMap(deal => deal.needs.flatMap(need => standings.get(recordKey(need))?.kind === 'claim' ? [{ deal, need: needs.get(recordKey(need)) ?? need }] : []))
    for (const key of await claim(wanted, epoch)) standings.set(key, { kind: 'wait', ...longWait })
    const outcomes = await Promise.all(deals.map(deal => place(deal, standings, epoch)))
    context.sendBell.ring()
    await context.settle(outcomes.flatMap(outcome => outcome ?? []))
  }

  function standing (key: string, need: RecordNeed, row: StandingRecord | undefined): Standing {
    if (book.isUnknown(key)) return { kind: 'wait', ...longWait }
    if (book.job(key) !== undefined) return { kind: 'busy' }
    if (row === undefined) return { kind: 'claim' }
    // Between the question and its answer another transfer may have taken the row and let it go again.
    if (row.status === 'intended' || row.status === 'unknown') return { kind: 'wait', delayMs: SOON_MS, reason: 'record_busy' }
    if (row.link !== null && row.adopted) return { kind: 'ready', targetId: row.link }
    const verdict = judgeRead(row.known, need.version, need.beganAt)
    if (verdict.kind === 'again') return { kind: 'wait', delayMs: Math.max(200, verdict.at - need.beganAt), reason: verdict.reason }
    return row.link !== null && row.writtenHash === need.hash ? { kind: 'ready', targetId: row.link } : { kind: 'claim' }
  }

  /** Claims records and queues them; gives the keys of those that must wait, since one that may be the same is unknown. */
  async function claim (wanted: readonly { deal: DealInHand, need: RecordNeed }[], epoch: number): Promise<string[]> {
    const free = new Map(wanted.filter(({ need }) => book.job(recordKey(need)) === undefined).map(each => [recordKey(each.need), { ...each, attemptId: uuidv7() }]))
    if (free.size === 0) return []
    const asked = book.asking([...free.values()].map(each => each.attemptId))
    const claims = await claimRecords(pool, { target, epoch, claims: [...free.values()].map(({ need, attemptId }) => ({ ...need, attemptId })), held: book.held() }).finally(asked)
    if (memory.owned !== epoch) return []
    const blocked: RecordJob[] = []
    for (const claimed of claims) {
      const from = free.get(recordKey(claimed))
      if (from === undefined) continue
      const job: RecordJob = { claim: claimed, need: from.need, deal: { portal: claimed.portal, dealId: from.deal.claim.dealId }, write: null }
      if (!book.take(parts.mustLookUpRecord(job) ? job : { ...job, write: createOf(job) })) blocked.push(job)
    }
    if (blocked.length > 0) await context.records.settle(blocked.map(job => ({ job, kind: 'held' })))
    return blocked.map(job => recordKey(job.claim))
  }

  /** Decides a deal whose records stand, lets it wait for those in hand, or gives the outcome that puts it back. */
  async function place (deal: DealInHand, standings: ReadonlyMap<string, Standing>, epoch: number): Promise<Outcome | null> {
    const ids = new Map<string, string>()
    for (const need of deal.needs) {
      const key = recordKey(need)
      const now = standings.get(key)
      if (now?.kind === 'ready') { ids.set(key, now.targetId); continue }
      if (now?.kind === 'wait') return waitAgain(deal.claim, now)
      if (book.job(key) === undefined) return waitAgain(deal.claim, { delayMs: SOON_MS, reason: 'record_busy' })
      deal.on.add(key)
    }
    if (deal.on.size > 0) { book.waiting.add(deal); return null }
    await decide(deal, deal.links.flatMap((link) => { const id = link.targetId ?? ids.get(recordKey({ ...link, portal: deal.claim.portal })); return id === undefined ? [] : [{ kind: link.kind, sourceId: link.sourceId, targetId: id }] }), epoch)
    return null
  }

  async function took (results: readonly RecordResult[], epoch: number): Promise<void> {
    if (results.length === 0) return
    const all = memory.owned === epoch ? [...results, ...results.flatMap(noteUnknown)] : results
    await context.records.settle(all)
    if (memory.owned !== epoch) return
    for (const { job, kind } of all) {
      if (kind === 'next') book.next(job)
      else if (kind !== 'unknown') book.release(job)
    }
    context.sendBell.ring()
    await tell(new Map(all.filter(({ kind }) => kind !== 'next').map(result => [recordKey(result.job.claim), result])), epoch)
  }

  function noteUnknown (result: RecordResult): RecordResult[] {
    return result.kind === 'unknown' ? book.becomesUnknown(result.job).map(job => ({ job, kind: 'held' })) : []
  }

  /** Tells the deals that wait what became of their records. */
  async function tell (results: ReadonlyMap<string, RecordResult>, epoch: number): Promise<void> {
    const again: DealInHand[] = []
    const outcomes: Outcome[] = []
    for (const deal of book.waiting) {
      const own = [...deal.on].flatMap(key => results.get(key) ?? [])
      if (own.length === 0) continue
      const stop = own.map(result => stopOf(deal, result, epoch)).find(outcome => outcome !== null)
      for (const { job } of own) deal.on.delete(recordKey(job.claim))
      if (stop === undefined && deal.on.size > 0) continue
      book.waiting.delete(deal)
      if (stop === undefined) again.push(deal)
      else outcomes.push(stop)
    }
    await context.settle(outcomes)
    await take(again, epoch)
  }

  /** How a deal ends for a record that did not become ready; null when it may go on. */
  function stopOf (deal: DealInHand, result: RecordResult, epoch: number): Outcome | null {
    switch (result.kind) {
      case 'ready': case 'again': case 'next': return null
      case 'unknown': case 'held': return waitAgain(deal.claim, longWait)
      case 'lost': return waitAgain(deal.claim, { delayMs: SOON_MS, reason: 'record_busy' })
      case 'failed': return result.failure.class === 'unsent' ? waitAgain(deal.claim, { delayMs: SOON_MS, reason: result.failure.code }) : failed(deal.claim, result.failure, epoch)
      case 'refused': {
        const { kind, sourceId } = result.job.claim
        const why = kind === 'contact'
          ? { reason: 'contact_refused', detail: `The target portal refused the contact ${sourceId} of this deal (${result.detail}). Correct the contact, the mapping or the target, then ask for the transfer again.` }
          : { reason: 'company_refused', detail: `The target portal refused the company ${sourceId} of this deal (${result.detail}). Correct the company, the mapping or the target, then ask for the transfer again.` }
        return settledByDecision(deal.claim, { decision: { kind: 'park', ...why }, state: deal.state, version: deal.version, mappingVersion: deal.route.mapping.version }, epoch)
      }
    }
  }

  function holdBack (heldMs: (method: string) => number): RecordResult[] {
    const held: RecordResult[] = []
    book.queue.splice(0, book.queue.length, ...book.queue.filter((job) => {
      const waitMs = Math.max(...methodsOf(job).map(heldMs))
      if (waitMs > 0) held.push({ job, kind: 'failed', failure: { class: 'throttled', code: 'OPERATION_TIME_LIMIT', detail: 'The method\'s time is used up in the target.', waitMs } })
      return waitMs <= 0
    }))
    return held
  }

  return { take, took, holdBack }
}

/** One need for each record: that of the newest read. */
function newest (needs: readonly RecordNeed[]): Map<string, RecordNeed> {
  const best = new Map<string, RecordNeed>()
  for (const need of needs) {
    const key = recordKey(need)
    const before = best.get(key)
    if (before === undefined || need.version.modifiedAt > before.version.modifiedAt || (need.version.modifiedAt === before.version.modifiedAt && need.beganAt > before.beganAt)) best.set(key, need)
  }
  return best
}
