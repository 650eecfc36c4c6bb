import type { Call, Evidence, Finding, Trouble } from '../rig/evidence.ts'

type Looked = Pick<Evidence, 'calls' | 'troubles' | 'loopLagMs'>

const INGESTS = ['ingest-1', 'ingest-2'] as const
const SHARE = 0.995
const P99_MS = 500
// A process that was killed or frozen, and a broker that was, is not back with the signal that ends the fault.
const COMES_BACK_MS = 10_000
/** Fewer say nothing about the hundredth part. */
const ENOUGH = 200
/** Where the rig's own loop is held up for longer, latencies are the machine's. */
const QUIET_LOOP_MS = 50
const SHOWN = 10

/**
 * I23 and I21: of the webhooks of the front more than 99.5 % are answered 2xx while an ingest lives whose edge to the portals is
 * whole, whatever else is broken (I23); the same of those that were sent while exactly one thing was broken (I21: the sender keeps its
 * rate, so the share that is accepted is the rate). A disk that is full while Kafka is away is left out: then, and only then, 503 is right.
 */
export function ingestAccepts ({ calls, troubles }: Looked): Finding[] {
  const judged = judgedCalls({ calls, troubles })
  return [...tooMany('I23', judged, 'while an ingest lived'), ...tooMany('I21', singleFaultCalls(judged, troubles), 'while nothing else was broken but one thing')]
}

/**
 * I23 in time: 99 of 100 webhooks are answered within 500 ms. Judged on webhooks that met no fault of ingests, Kafka, the registry or
 * their edges, nor the ten seconds after one; only where there are 200 of them, and where the rig's own event loop was on time (99 of
 * 100 turns within 50 ms): else the machine is measured. What the others took is told in the report.
 */
export function ingestInTime (evidence: Looked): Finding[] {
  const { quiet, isJudged } = latencies(evidence)
  const p99 = quantile(quiet, 0.99)
  return isJudged && p99 > P99_MS ? [{ invariant: 'I23', about: 'latency', what: 'more than one of 100 webhooks that met no fault took longer than 500 ms' }] : []
}

/** Calls while at least one ingest lived from their beginning to their end. */
export function judgedCalls ({ calls, troubles }: Pick<Looked, 'calls' | 'troubles'>): Call[] {
  return calls.filter(call => !troubles.some(each => each.target === 'spool' && touches(each, call)) && INGESTS.some(name => !troubles.some(each => (each.target === name || each.target === `portals>${name}`) && touches(each, call))))
}

/** Calls that met exactly one trouble. */
export function singleFaultCalls (calls: readonly Call[], troubles: readonly Trouble[]): Call[] {
  return calls.filter(call => troubles.filter(each => each.from < call.at + call.ms && each.to > call.at).length === 1)
}

/** Latencies of the calls that met nothing on their way, of all, and whether the former are judged. */
export function latencies ({ calls, troubles, loopLagMs }: Looked): { readonly quiet: number[], readonly all: number[], readonly isJudged: boolean } {
  const onTheWay = troubles.filter(({ target }) => target.includes('ingest') || target.includes('kafka') || target.includes('registry') || target === 'spool' || target === 'parts')
  const quiet = calls.filter(call => !onTheWay.some(each => touches(each, call))).map(call => call.ms)
  return { quiet, all: calls.map(call => call.ms), isJudged: quiet.length >= ENOUGH && loopLagMs <= QUIET_LOOP_MS }
}

/** The value that a share of the numbers does not exceed; 0 of none. */
export function quantile (numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

function touches (trouble: Trouble, call: Call): boolean {
  return trouble.from < call.at + call.ms && trouble.to + COMES_BACK_MS > call.at
}

/** One of fewer than 200 may fail: it would be more than their half per cent. */
function tooMany (invariant: string, calls: readonly Call[], when: string): Finding[] {
  const failed = calls.filter(({ status }) => status < 200 || status > 299)
  if (failed.length <= Math.max(1, calls.length * (1 - SHARE))) return []
  return failed.slice(0, SHOWN).map(({ ts, at, status }) => ({ invariant, about: `webhook ${ts} of the front`, what: `of ${new Date(at).toISOString()} was answered ${status === 0 ? 'by nobody' : status} ${when}` }))
}
