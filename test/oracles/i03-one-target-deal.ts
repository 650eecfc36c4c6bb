import type { Evidence, Finding } from '../rig/evidence.ts'

const DEAL = 2

/** I3: at most one applied add for each ORIGIN pair, of deals and of whatever else is carried along (by entityTypeId). */
export function oneTargetDeal ({ journal, target }: Pick<Evidence, 'journal' | 'target'>): Finding[] {
  const adds = new Map<string, number[]>()
  for (const entry of journal) {
    if (entry.portal !== target || entry.kind !== 'applied' || !/\.add$/i.test(entry.method ?? '') || entry.originId === undefined) continue
    const type = entry.type ?? DEAL
    const key = `${type === DEAL ? '' : `type ${type} `}${entry.originId}`
    adds.set(key, [...adds.get(key) ?? [], entry.seq])
  }
  return [...adds].filter(([, seqs]) => seqs.length > 1).map(([about, seqs]) => ({ invariant: 'I3', about, what: `was added ${seqs.length} times (journal ${seqs.join(', ')})` }))
}

/** I3 by what stands in the target at the end: no two contacts and no two companies of one ORIGIN pair. */
export function oneTargetRecord ({ targetRecords }: Pick<Evidence, 'targetRecords'>): Finding[] {
  return (['contact', 'company'] as const).flatMap((kind) => {
    const ours = targetRecords[kind].filter(record => record['ORIGINATOR_ID'] === 'dealbridge')
    const copies = Map.groupBy(ours, record => String(record['ORIGIN_ID']))
    return [...copies].filter(([, same]) => same.length > 1).map(([origin, same]) => ({ invariant: 'I3', about: `${kind} ${origin}`, what: `stands ${same.length} times in the target (${same.map(each => String(each['ID'])).join(', ')})` }))
  })
}
