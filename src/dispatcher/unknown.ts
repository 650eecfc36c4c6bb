// Writes without an answer. Promises: nothing of such a deal is sent until its effect can no longer come and the
// target has been asked. Does not promise: that a list which lags longer than the wait shows the deal.
import type { Command } from '../bitrix24/batch.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import { sentFields } from '../bitrix24/write.ts'
import { getCommand, lookUpCommand, readItem, readLookUp } from '../bitrix24/read.ts'
import type { TargetDeal } from '../bitrix24/read.ts'
import type { Fate } from '../bitrix24/response.ts'
import { monotonicMs } from '../platform/clock.ts'
import { succeeded, superseded } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { sameValue } from './same-value.ts'
import { originOf } from './load.ts'
import type { Planned } from './work.ts'

/** Past the portal's longest request (60 s) and a margin for a lagging list; counted on the monotonic clock from the end of the call or the take-over. */
export const UNKNOWN_WAIT_MS = 65_000

export interface UnknownBox<T> {
  add (attempts: readonly T[]): void
  /** Those whose wait is over, taken out; at most `most`, as many as one request may ask for. */
  takeDue (most: number): T[]
  size (): number
  clear (): void
}

export function createUnknownBox<T> (waitMs: number): UnknownBox<T> {
  let items: { attempt: T, at: number }[] = []
  return {
    add (attempts) { items.push(...attempts.map(attempt => ({ attempt, at: monotonicMs() + waitMs }))) },
    takeDue (most) {
      const due = items.filter(item => item.at <= monotonicMs()).slice(0, most)
      items = items.filter(item => !due.includes(item))
      return due.map(item => item.attempt)
    },
    size: () => items.length,
    clear () { items = [] }
  }
}

/**
 * Asks the target for each deal, by its link or by its ORIGIN pair. Found in the intended state: an outcome like any
 * other. Otherwise the attempt is lost and the deal is done again. `undecided` must be asked again.
 */
export async function lookUpUnknown (client: PortalClient, planned: readonly Planned[], how: { epoch: number, signal: AbortSignal }): Promise<{ outcomes: Outcome[], undecided: Planned[] }> {
  const commands = new Map<string, Command>(planned.map((p, i) => [`u${i}`, p.write.kind === 'create' ? lookUpCommand([originOf(p)]) : getCommand(p.write.link)]))
  const answer = await client.batch(commands, { intent: 'read', slot: await client.limiter.slot(how.signal) })
  if (answer.kind === 'failed') return { outcomes: [], undecided: [...planned] }
  const outcomes: Outcome[] = []
  const undecided: Planned[] = []
  planned.forEach((p, i) => {
    const found = foundDeal(p, answer.fate(`u${i}`))
    if (found === undefined) undecided.push(p)
    else outcomes.push(verdict(p, found, how.epoch))
  })
  return { outcomes, undecided }
}

/** The target deal, null when there surely is none, undefined when the answer does not tell. */
function foundDeal (planned: Planned, fate: Fate): TargetDeal | null | undefined {
  if (fate.kind === 'failed') return fate.failure.class === 'missing' ? null : undefined
  if (fate.kind === 'none') return undefined
  if (planned.write.kind !== 'create') return readItem(fate.result)
  const found = readLookUp(fate.result)
  return found === undefined ? undefined : found.get(originOf(planned)) ?? null
}

function verdict (planned: Planned, found: TargetDeal | null, epoch: number): Outcome {
  const { write } = planned
  if (write.kind === 'delete') return found === null ? succeeded(planned, write.link, epoch) : superseded(planned, { reason: 'attempt_lost', link: found.id }, epoch)
  if (found === null) return superseded(planned, { reason: 'attempt_lost', link: write.kind === 'update' ? write.link : null }, epoch)
  const stands = Object.entries(sentFields(write)).every(([name, value]) => sameValue(name, value, found.deal[name]))
  return stands ? succeeded(planned, found.id, epoch) : superseded(planned, { reason: 'attempt_lost', link: found.id }, epoch)
}
