import type { JournalEntry } from '../../simulator/journal.ts'
import type { Finding, Span } from '../rig/evidence.ts'

/** A time in which a portal refused everything: `throttled` (503 by its rate) or `outage` (502). `operations`: the deals that were waiting to be written in it. */
export interface Storm extends Span { readonly kind: 'throttled' | 'outage', readonly operations: number }

/** What a storm came to. `openedMs`: until the last call before the circuit was open; `closedMs`: from the end until the first good answer. */
export interface StormCalls { readonly calls: number, readonly probes: number, readonly openedMs: number, readonly closedMs: number | null }

const PER_OPERATION = 1.2
const OPENS_MS = 5000
// The circuit rests for 5 s; the clocks of two processes tell it a little apart.
const REST_MS = 4_500
const CLOSES_MS = 10_000

/**
 * I13: in a storm there are at most 1.2 calls for each operation. In an outage the circuit opens within 5 s of the first refusal; from
 * then on there is at most one call, a probe, in each of its rests; and it closes within 10 s of the end.
 */
export function stormBounded (journal: readonly JournalEntry[], target: string, storm: Storm): Finding[] {
  const { calls, closedMs } = stormCalls(journal, target, storm)
  const after = callsAfter(journal, target, storm)
  return [
    ...calls <= storm.operations * PER_OPERATION ? [] : [finding(storm, `made ${calls} calls for ${storm.operations} operations`)],
    ...storm.kind === 'outage' ? after.flatMap((at, i) => i > 0 && at - (after[i - 1] ?? 0) < REST_MS ? [finding(storm, `called ${at - (after[i - 1] ?? 0)} ms after a probe, ${at - storm.from} ms after the storm began`)] : []) : [],
    ...closedMs !== null && closedMs <= CLOSES_MS ? [] : [finding(storm, closedMs === null ? 'had no good answer any more' : `had its first good answer ${closedMs} ms after the storm`)]
  ]
}

export function stormCalls (journal: readonly JournalEntry[], target: string, storm: Storm): StormCalls {
  const times = callTimes(journal, target, storm)
  const first = times[0] ?? storm.from
  const good = journal.find(entry => entry.portal === target && entry.kind === 'answered' && entry.status === 200 && entry.at > storm.to)?.at
  const before = times.filter(at => at <= first + OPENS_MS)
  return { calls: times.length, probes: times.length - before.length, openedMs: (before.at(-1) ?? first) - first, closedMs: good === undefined ? null : good - storm.to }
}

/** Calls after the time by which the circuit must be open. */
function callsAfter (journal: readonly JournalEntry[], target: string, storm: Storm): number[] {
  const times = callTimes(journal, target, storm)
  return times.filter(at => at > (times[0] ?? storm.from) + OPENS_MS)
}

function callTimes (journal: readonly JournalEntry[], target: string, { from, to }: Span): number[] {
  return journal.filter(entry => entry.portal === target && entry.kind === 'received' && entry.at >= from && entry.at < to).map(entry => entry.at)
}

function finding ({ kind }: Storm, what: string): Finding {
  return { invariant: 'I13', about: `storm (${kind})`, what }
}
