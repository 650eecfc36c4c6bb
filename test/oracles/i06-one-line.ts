import { overlappingWrites } from '../../simulator/oracle.ts'
import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding } from '../rig/evidence.ts'

/** I6: a deal's records stand in one partition, its attempts cover ever more of its signals, and no two calls for it are under way at once. */
export function oneLine ({ journal, target, log }: Pick<Evidence, 'journal' | 'target' | 'log'>): Finding[] {
  return [...oneRecordLine('deal-signals', log.signals), ...oneRecordLine('deal-transfers', log.outcomes), ...coverNoLess(log), ...oneCallAtATime({ journal, target })]
}

function oneRecordLine (topic: string, records: readonly { portal: string, dealId: string, partition: number }[]): Finding[] {
  const partitions = new Map<string, number>()
  return records.flatMap((record) => {
    const first = partitions.get(dealKey(record)) ?? record.partition
    partitions.set(dealKey(record), first)
    return first === record.partition ? [] : [{ invariant: 'I6', about: dealKey(record), what: `has records of ${topic} in partitions ${first} and ${record.partition}` }]
  })
}

/** Readers leave out an older epoch than the deal has seen; so do we. */
function coverNoLess ({ outcomes }: Evidence['log']): Finding[] {
  const seen = new Map<string, { epoch: number, covered: bigint }>()
  return outcomes.flatMap((outcome) => {
    const before = seen.get(dealKey(outcome)) ?? { epoch: -1, covered: -1n }
    if (outcome.epoch < before.epoch) return []
    seen.set(dealKey(outcome), { epoch: outcome.epoch, covered: outcome.coveredOffset > before.covered ? outcome.coveredOffset : before.covered })
    return outcome.coveredOffset < before.covered ? [{ invariant: 'I6', about: dealKey(outcome), what: `attempt ${outcome.attemptNo} covers less than one before it` }] : []
  })
}

function oneCallAtATime ({ journal, target }: Pick<Evidence, 'journal' | 'target'>): Finding[] {
  return overlappingWrites(journal.filter(entry => entry.portal === target)).map(([first, second]) => ({
    invariant: 'I6', about: first.keys.find(key => second.keys.includes(key)) ?? '', what: `calls ${first.request} (${first.from} to ${first.to}) and ${second.request} (from ${second.from}) were under way at once`
  }))
}
