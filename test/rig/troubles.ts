import type { Trouble } from './evidence.ts'
import type { PlannedFault } from './nemesis.ts'

/** When something was broken by the rig: what was planned, and whatever had to be brought back for longer than planned. */
export interface Troubles {
  /** A plan that begins at `startedAt` (ms of the epoch). */
  plan (plan: readonly Pick<PlannedFault, 'at' | 'forMs' | 'target'>[], startedAt: number): void
  /** Counts the time of a repair. */
  during<T> (repair: Promise<T>): Promise<T>
  readonly spans: () => readonly Trouble[]
}

export function createTroubles (): Troubles {
  const spans: Trouble[] = []
  return {
    plan (plan, startedAt) { spans.push(...plan.map(({ at, forMs, target }) => ({ target, from: startedAt + at, to: startedAt + at + forMs }))) },
    async during (repair) {
      const from = Date.now()
      return await repair.finally(() => { spans.push({ target: 'parts', from, to: Date.now() }) })
    },
    spans: () => spans
  }
}
