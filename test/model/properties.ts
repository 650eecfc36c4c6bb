import type { TransferEvent } from '../../src/domain/transfer/events.ts'
import type { State } from './source.ts'
import type { Copy } from './target.ts'

// The properties of the transfer's model, judged from outside: from what the portals hold and what the log says.

/** P3: whether `words` go through the states of the source forwards alone. A value may stand for any state that has it. */
export function goesForwards (states: readonly State[], words: readonly string[]): boolean {
  let at = 0
  for (const word of words) {
    while (at < states.length && states[at]?.value !== word) at += 1
    if (at === states.length) return false
  }
  return true
}

/** What a reader knows of one deal after the whole log: the first outcome of each attempt, and none of an older epoch. */
export function readersView (events: readonly TransferEvent[]): { ended: number, word: string | null } {
  const seen = new Set<string>()
  let [epoch, ended] = [0, 0]
  let word: string | null = null
  for (const event of events) {
    if (event.type === 'TransferOutcomeUnknown') continue
    if (seen.has(event.attemptId) || event.epoch < epoch) continue
    seen.add(event.attemptId)
    epoch = event.epoch
    if (event.type !== 'TransferSucceeded' && event.type !== 'TransferSkipped' && event.type !== 'TransferParked') continue
    ended = Math.max(ended, event.coveredCount)
    if (event.type === 'TransferSucceeded') word = event.title
  }
  return { ended, word }
}

/** Everything about one deal when nothing moves any more. */
export interface AtRest {
  readonly key: string
  readonly states: readonly State[]
  readonly copies: readonly Copy[]
  readonly signals: number
  readonly status: string
  readonly events: readonly TransferEvent[]
  /** A person deleted the target deal: what stands there is not ours to judge. */
  readonly removed: boolean
}

/** Judges a deal at rest: the broken property in words, or null. */
export function judgeAtRest (deal: AtRest): string | null {
  const last = deal.states.at(-1)?.value ?? ''
  const living = deal.copies.filter(copy => copy.alive)
  if (living.length > 1) return `P1 ${deal.key} stands twice in the target`
  const { ended, word } = readersView(deal.events)
  if (ended !== deal.signals) return `P4 ${deal.key}: ${deal.signals} signals, ${ended} of them with an end in the log`
  if (last.startsWith('X')) return deal.status === 'parked' ? null : `P2 ${deal.key} is refused by the mapping and not parked, but ${deal.status}`
  const [copy] = living
  if (copy === undefined) return deal.removed ? null : `P2 all is quiet and ${deal.key} does not stand in the target`
  if (copy.value !== last) return `P2 all is quiet and ${deal.key} stands in ${copy.value}, not in ${last}`
  if (!deal.removed && word !== copy.value) return `P7 the log's last word about ${deal.key} is ${word ?? 'none'}, the target holds ${copy.value}`
  return null
}
