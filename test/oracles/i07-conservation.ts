import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding } from '../rig/evidence.ts'

/**
 * I7: every signal of the log has exactly one end. To be asked when nothing is open: the log's count, the dispatcher's and the
 * read models' are one, per deal; the ends add up to it; no reader stands before or beyond the end of a partition.
 */
export function conservation ({ log, tables }: Pick<Evidence, 'log' | 'tables'>): Finding[] {
  const counts = new Map<string, number>()
  for (const signal of log.signals) counts.set(dealKey(signal), (counts.get(dealKey(signal)) ?? 0) + 1)
  const work = new Map(tables.work.map(row => [`${row.portal}:${row.deal_id}`, row]))
  const deals = new Map(tables.deals.map(row => [`${row.portal}:${row.deal_id}`, row]))
  const perDeal = [...new Set([...counts.keys(), ...work.keys(), ...deals.keys()])].flatMap((key) => {
    const [inLog, inWork, inDeals] = [counts.get(key) ?? 0, work.get(key), deals.get(key)]
    const ends = inDeals === undefined ? 0 : Number(inDeals.applied + inDeals.unchanged + inDeals.superseded + inDeals.skipped + inDeals.parked)
    const sums = { log: inLog, work: inWork?.signal_count ?? 0, covered: inWork?.covered_count ?? 0, read: Number(inDeals?.signals_seen ?? 0n), ends }
    if (new Set(Object.values(sums)).size === 1 && Number(inDeals?.open ?? 0n) === 0) return []
    return [finding(key, `its signals do not add up: ${Object.entries(sums).map(([name, count]) => `${name} ${count}`).join(', ')}, open ${Number(inDeals?.open ?? 0n)}, ${inWork?.status ?? 'no work'}`)]
  })
  return [...perDeal, ...readersStand({ log, tables })]
}

function readersStand ({ log, tables }: Pick<Evidence, 'log' | 'tables'>): Finding[] {
  return tables.checkpoints.flatMap(({ reader, topic, partition, next_offset: next }) => {
    const end = log.ends.get(`${topic}/${partition}`) ?? 0n
    return next === end ? [] : [finding(`${reader} ${topic}/${partition}`, `stands at ${next}, and the partition ends at ${end}`)]
  })
}

function finding (about: string, what: string): Finding {
  return { invariant: 'I7', about, what }
}
