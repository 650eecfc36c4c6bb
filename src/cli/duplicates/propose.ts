import type { Duplicate } from './read.ts'

/** Which one stays, and which a person should merge into it or delete. */
export interface Proposal { readonly keep: string, readonly others: readonly string[], readonly why: 'linked' | 'oldest' }

/** The linked one stays, since dealbridge goes on changing it; where none is known, the oldest, which a look-up would find first. */
export function propose ({ ids, link }: Pick<Duplicate, 'ids' | 'link'>): Proposal {
  const isLinked = link !== null && ids.includes(link)
  const keep = isLinked ? link : ids[0] ?? ''
  return { keep, others: ids.filter(id => id !== keep), why: isLinked ? 'linked' : 'oldest' }
}
