import { BATCH_SIZE } from './batch.ts'

export interface BatchSize {
  /** How many commands the next batch should have at most: 1 to 50. */
  current (): number
  /** Learns from a batch of `commands` commands that took `tookMs`; not answered: the connection or the portal cut it. */
  learn (batch: { readonly commands: number, readonly tookMs: number, readonly isAnswered: boolean }): void
}

/** Within which a portal ends any request, a batch included (vendor page: limits). */
export const REQUEST_LIMIT_MS = 60_000

/**
 * How many commands a slow portal gets at a time, so that it does not cut the batch in the middle: what was cut is unknown, rests
 * for over a minute, and would be cut again. More than half of the limit shrinks the next one, less than a quarter lets it grow.
 */
export function createBatchSize (limitMs: number = REQUEST_LIMIT_MS): BatchSize {
  const half = limitMs / 2
  let size = BATCH_SIZE
  const shrink = (to: number): void => { size = Math.min(size, Math.max(1, Math.floor(to))) }
  return {
    current: () => size,
    learn ({ commands, tookMs, isAnswered }) {
      if (tookMs >= half) shrink(isAnswered ? commands * half / tookMs : commands / 2)
      // What breaks at once says nothing about the time that commands need.
      else if (isAnswered && tookMs < half / 2 && commands >= size) size = Math.min(BATCH_SIZE, size * 2)
    }
  }
}
