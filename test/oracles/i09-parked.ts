import { writesOf } from '../../simulator/oracle.ts'
import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding, LoggedOutcome } from '../rig/evidence.ts'
import { isHeldAt, ordersOf } from './orders.ts'
import type { GivenOrder } from './orders.ts'

const ENDS = ['TransferSucceeded', 'TransferSkipped', 'TransferParked']
const HELD = 'operator_hold'
// DATE_MODIFY has whole seconds, and our ledger looks at the clock a moment after the portal did.
const LEDGER_MS = 50
/** A signal that says to have come so long after the last save was received by a process whose clock the rig had set forward. */
const FORWARD_MS = 3_600_000

/**
 * I9: what is parked waits for a word. An end after a parked one covers a signal more, so that each word gives one attempt (but
 * for one that a new owner of the lease makes once more); an end
 * was reached with a state not older than the deal had when the newest signal that it covers was received; where the last order
 * before that signal is a hold, it is `operator_hold`; and no request that writes the deal reaches the target from that end until
 * another order is given. That no older state wins after a parked one is asked by I5.
 */
export function parked (evidence: Pick<Evidence, 'log' | 'journal' | 'target' | 'sourceSaves'>): Finding[] {
  const orders = ordersOf(evidence.log)
  const ends = endsByDeal(evidence.log)
  return [...oneAttemptEach(ends), ...stateAsItIsThen(evidence, ends), ...heldAlone(ends, orders), ...noWriteWhileHeld(evidence, { ends, orders })]
}

/** The ends of each deal that readers count, in order. */
export function endsByDeal ({ outcomes }: Pick<Evidence['log'], 'outcomes'>): Map<string, LoggedOutcome[]> {
  return new Map([...Map.groupBy(outcomes, dealKey)].map(([key, own]) => {
    let [epoch, last] = [-1, -1]
    return [key, own.toSorted((a, b) => Number(a.offset - b.offset)).filter((outcome) => {
      if (outcome.epoch < epoch) return false
      epoch = outcome.epoch
      if (outcome.attemptNo <= last || outcome.type === 'TransferOutcomeUnknown') return false
      last = outcome.attemptNo
      return ENDS.includes(outcome.type)
    })]
  }))
}

function oneAttemptEach (ends: ReadonlyMap<string, readonly LoggedOutcome[]>): Finding[] {
  return [...ends].flatMap(([key, own]) => own.flatMap((end, i) => {
    const before = own[i - 1]
    // A new owner may have read the log to its end before the former one's last word came into it.
    if (before?.type !== 'TransferParked' || end.coveredCount > before.coveredCount || end.epoch > before.epoch) return []
    return [finding(key, `attempt ${end.attemptNo} (${end.type}) follows the parked ${before.attemptNo} without a newer signal`)]
  }))
}

function stateAsItIsThen ({ log, sourceSaves }: Pick<Evidence, 'log' | 'sourceSaves'>, ends: ReadonlyMap<string, readonly LoggedOutcome[]>): Finding[] {
  const received = new Map(log.signals.map(signal => [`${dealKey(signal)} ${signal.offset}`, signal.receivedAt]))
  const saves = Map.groupBy(sourceSaves, dealKey)
  const latest = Math.max(...sourceSaves.map(save => save.at)) + FORWARD_MS
  return [...ends].flatMap(([key, own]) => own.flatMap((end) => {
    const signalledAt = received.get(`${key} ${end.coveredOffset}`)
    const modified = end.sourceModifiedAt ?? null
    const last = saves.get(key)?.findLast(save => save.at <= (signalledAt ?? -Infinity) && !save.isDeletion)
    if (modified === null || end.snapshot === '' || last === undefined || (signalledAt ?? 0) > latest) return []
    const least = Math.floor((last.at - LEDGER_MS) / 1000) * 1000
    return modified >= least ? [] : [finding(key, `attempt ${end.attemptNo} ended with the state of ${new Date(modified).toISOString()}, though the signal it covers came after the save of ${new Date(last.at).toISOString()}`)]
  }))
}

function heldAlone (ends: ReadonlyMap<string, readonly LoggedOutcome[]>, orders: ReadonlyMap<string, readonly GivenOrder[]>): Finding[] {
  return [...ends].flatMap(([key, own]) => own.filter(end => isHeldAt(orders.get(key) ?? [], end.coveredOffset) && !(end.type === 'TransferParked' && end.reason === HELD))
    .map(end => finding(key, `is held, and attempt ${end.attemptNo} ended as ${end.type} ${end.reason ?? end.action ?? ''}`)))
}

function noWriteWhileHeld ({ journal, target }: Pick<Evidence, 'journal' | 'target'>, { ends, orders }: { ends: ReadonlyMap<string, readonly LoggedOutcome[]>, orders: ReadonlyMap<string, readonly GivenOrder[]> }): Finding[] {
  const arrived = new Map(journal.map(entry => [entry.seq, entry.at]))
  const writes = writesOf(journal.filter(entry => entry.portal === target)).flatMap(write => write.keys.map(key => ({ key, write })))
  const byKey = Map.groupBy(writes, ({ key }) => key)
  return [...orders].flatMap(([key, given]) => (ends.get(key) ?? []).filter(end => end.reason === HELD).flatMap((end) => {
    const hold = given.findLast(each => each.offset <= end.coveredOffset && each.order === 'hold')
    // Told by a clock that the rig had set back: which writes came before it is not known.
    if (hold === undefined || end.occurredAt < hold.at) return []
    const until = given.find(each => each.offset > end.coveredOffset && each.order !== 'hold')?.at ?? Infinity
    const keys = [`${target} origin dealbridge/${key}`, ...end.targetDealId === null || end.targetDealId === undefined ? [] : [`${target} deal ${end.targetDealId}`]]
    const meant = keys.flatMap(each => byKey.get(each) ?? []).filter(({ write }) => { const at = arrived.get(write.from) ?? 0; return at > end.occurredAt && at < until })
    return [...new Set(meant.map(({ write }) => write.request))].map(request => finding(key, `was written (request ${request}) while it was held`))
  }))
}

function finding (about: string, what: string): Finding {
  return { invariant: 'I9', about, what }
}
