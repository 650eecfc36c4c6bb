import { readJournal } from '../../simulator/journal.ts'
import { stormBounded, stormCalls } from '../oracles/i13-storm.ts'
import type { Storm, StormCalls } from '../oracles/i13-storm.ts'
import { dealKey } from './evidence.ts'
import type { Finding } from './evidence.ts'
import { TARGET } from './names.ts'
import type { RigSystem } from './system.ts'

/** How a storm went. */
export interface StormResult extends StormCalls { readonly kind: Storm['kind'], readonly seconds: number, readonly operations: number, readonly findings: readonly Finding[] }

// An outage must last longer than a circuit rests, so that a probe meets it.
const STORMS = [['throttled', '503', 25_000], ['outage', '502', 45_000]] as const

/** The target refuses everything for a while, people work on, and all must land after it: `work` makes saves until a moment, `drain` waits for their end. */
export async function runStorms (system: RigSystem, { work, drain }: { work: (until: number) => Promise<void>, drain: () => Promise<void> }): Promise<StormResult[]> {
  const results: StormResult[] = []
  for (const [kind, mode, forMs] of STORMS) {
    const portal = system.simulator.portal(TARGET)
    const before = system.watch.sourceSaves().length
    const from = Date.now()
    const fault = portal.fault({ where: 'answer', mode })
    try { await work(from + forMs) } finally { portal.endFault(fault) }
    const to = Date.now()
    const operations = new Set(system.watch.sourceSaves().slice(before).filter(save => save.at < to).map(dealKey)).size
    const lost = await drain().then(() => [], (error: unknown): Finding[] => [{ invariant: 'I20', about: `storm (${kind})`, what: `not quiet after it: ${String(error)}` }])
    const journal = readJournal(system.journalFile)
    const storm = { kind, from, to, operations }
    results.push({ kind, seconds: Math.round((to - from) / 1000), operations, ...stormCalls(journal, TARGET, storm), findings: [...stormBounded(journal, TARGET, storm), ...lost] })
  }
  return results
}
