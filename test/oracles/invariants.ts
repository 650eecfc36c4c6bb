import { WRITES } from '../../simulator/oracle.ts'
import type { Evidence } from '../rig/evidence.ts'
import { waits } from './i02-lands-in-time.ts'
import { endsByDeal } from './i09-parked.ts'
import { judgedCalls, latencies, quantile, singleFaultCalls } from './i21-i23-ingest-accepts.ts'
import { heldSpans, ordersOf } from './orders.ts'

/** An invariant of the rig: what it says, and how many of which things an oracle looked at; or why none does. */
export interface Invariant { readonly id: string, readonly says: string, readonly looksAt: string | null, readonly whyNot?: string }

/** All of them, for the report. `looksAt` goes with the number of `lookedAt`. */
export const INVARIANTS: readonly Invariant[] = [
  { id: 'I1', says: 'a webhook that was answered 2xx is in the log', looksAt: 'answered webhooks' },
  { id: 'I2', says: 'every change and every deletion lands within its bound', looksAt: 'saves that had to land' },
  { id: 'I3', says: 'one target deal, contact and company per origin', looksAt: 'applied adds' },
  { id: 'I4', says: 'the target stands in the mapped last state', looksAt: 'deals, contacts and companies compared' },
  { id: 'I5', says: 'the target never moves back', looksAt: 'saves in the target' },
  { id: 'I6', says: 'a deal is one line, never two calls at once', looksAt: 'writing requests' },
  { id: 'I7', says: 'every signal has one end, by the log, by SQL and by the metrics', looksAt: 'signals' },
  { id: 'I8', says: 'what is parked is shown, nothing is dropped', looksAt: 'parked outcomes' },
  { id: 'I9', says: 'no older state wins over a parked one; a held deal is left alone', looksAt: 'ends, orders and holds' },
  { id: 'I10', says: 'live, rebuilt and folded read models are equal', looksAt: 'rows' },
  { id: 'I11', says: 'a reader sees the old or the new read model', looksAt: null, whyNot: 'read models are not rebuilt beside the live ones yet' },
  { id: 'I12', says: 'no refusal by our doing', looksAt: 'answers of portals' },
  { id: 'I13', says: 'at most 1.2 calls per operation in a storm, one probe per half-open', looksAt: 'calls in the storm' },
  { id: 'I14', says: 'no secret in any output', looksAt: 'secrets searched for' },
  { id: 'I15', says: 'no token and no personal data lies in plain', looksAt: null, whyNot: 'nothing is sealed yet' },
  { id: 'I16', says: 'wrong credentials leave no event', looksAt: 'webhooks of strangers that were answered' },
  { id: 'I17', says: 'calls go to allowed public hosts alone', looksAt: null, whyNot: 'the rig\'s portals are on loopback; addresses are guarded where names are resolved, and there is no resolver that lies yet' },
  { id: 'I18', says: 'the newest refresh token is never lost', looksAt: null, whyNot: 'OAuth tokens are not built yet' },
  { id: 'I19', says: 'a former owner calls no more', looksAt: 'requests with an epoch' },
  { id: 'I20', says: 'everything works again within 60 s after the last heal', looksAt: 'heals with probes' },
  { id: 'I21', says: 'during a single fault ingest accepts at its normal rate', looksAt: 'webhooks sent during single faults' },
  { id: 'I22', says: 'memory, descriptors and spool stay bounded', looksAt: 'samples' },
  { id: 'I23', says: 'more than 99.5 % are accepted while an ingest lives, 99 of 100 within 500 ms', looksAt: 'webhooks sent while one lived' },
  { id: 'I24', says: 'replay and rebuild send nothing', looksAt: null, whyNot: 'replay is not built yet' },
  { id: 'I25', says: 'two versions read each other', looksAt: null, whyNot: 'two versions side by side are not run; golden records of each version are decoded by a test' },
  { id: 'I26', says: 'a restored system is whole', looksAt: null, whyNot: 'drills are not built yet' }
]

/** How many things each oracle has before it, by invariant, over the whole run so far; those that a campaign asks at its end are missing. */
export function lookedAt (evidence: Evidence): Record<string, number> {
  const { journal, target, calls, log, tables, troubles } = evidence
  const inTarget = journal.filter(entry => entry.portal === target)
  const orders = [...ordersOf(log).values()]
  const alive = [...evidence.sourceDeals.values()].flat().length
  const judged = judgedCalls(evidence)
  return {
    I1: journal.filter(entry => entry.kind === 'webhook_sent' && entry.dealId !== undefined).length + calls.filter(call => call.status >= 200 && call.status <= 299).length,
    I2: waits(evidence).length,
    I3: inTarget.filter(entry => entry.kind === 'applied' && /\.add$/i.test(entry.method ?? '')).length,
    I4: alive + evidence.targetRecords.contact.length + evidence.targetRecords.company.length,
    I5: evidence.targetSaves.length + evidence.recordSaves.length,
    I6: inTarget.filter(entry => entry.kind === 'received' && entry.commands?.some(command => WRITES.test(command.method ?? '')) === true).length,
    I7: log.signals.length,
    I8: log.outcomes.filter(outcome => outcome.type === 'TransferParked').length,
    I9: [...endsByDeal(log).values()].flat().length + orders.flat().length + orders.flatMap(heldSpans).length,
    I10: tables.deals.length,
    I12: journal.filter(entry => entry.kind === 'answered').length,
    I16: evidence.strangers.filter(({ status }) => status !== 0).length,
    I19: inTarget.filter(entry => entry.kind === 'received' && entry.epoch !== undefined).length,
    I21: singleFaultCalls(judged, troubles).length,
    I22: evidence.samples.length,
    I23: judged.length
  }
}

/** What the report tells of times (ms), over the whole run so far. Quiet: what met no fault on its way. */
export interface Times {
  /** From a save, or from the last fault on its way, until it had landed: the longest of each kind. */
  readonly staleChange: number
  readonly staleDeletion: number
  readonly front: { readonly sent: number, readonly p50: number, readonly p99: number, readonly most: number, readonly quiet: number, readonly quietP99: number, readonly isJudged: boolean, readonly loopLag: number }
}

export function timesOf (evidence: Evidence): Times {
  const waited = waits(evidence)
  const longest = (isDeletion: boolean): number => Math.max(0, ...waited.filter(each => each.save.isDeletion === isDeletion).map(each => each.ms ?? 0))
  const { all, quiet, isJudged } = latencies(evidence)
  return {
    staleChange: longest(false), staleDeletion: longest(true),
    front: {
      sent: all.length, p50: quantile(all, 0.5), p99: quantile(all, 0.99), most: quantile(all, 1), quiet: quiet.length, quietP99: quantile(quiet, 0.99), isJudged, loopLag: Math.round(evidence.loopLagMs)
    }
  }
}
