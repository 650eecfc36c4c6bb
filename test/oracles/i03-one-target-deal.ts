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
