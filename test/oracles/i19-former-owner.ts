import type { Evidence, Finding } from '../rig/evidence.ts'

/** I19: once the target has seen an epoch, no call of an older one comes but those that were on the wire; for longer than `wireMs` none is. */
export function formerOwner ({ journal, target, wireMs }: Pick<Evidence, 'journal' | 'target' | 'wireMs'>): Finding[] {
  let highest = -1
  let since = 0
  return journal.filter(entry => entry.portal === target && entry.kind === 'received' && entry.epoch !== undefined).flatMap((entry) => {
    const epoch = Number(entry.epoch)
    if (epoch > highest) { highest = epoch; since = entry.at }
    return epoch < highest && entry.at > since + wireMs ? [{ invariant: 'I19', about: `epoch ${epoch}`, what: `called (journal ${entry.seq}) ${entry.at - since} ms after epoch ${highest} had` }] : []
  })
}
