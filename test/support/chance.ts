import { seededChance } from '../../simulator/faults.ts'

/** Choices that a seed makes the same every time. */
export interface Chance {
  /** A number from 0 up to, not including, 1. */
  readonly next: () => number
  /** From `low` up to, not including, `high`. */
  readonly between: (low: number, high: number) => number
  /** A whole number from 0 up to, not including, `end`. */
  readonly below: (end: number) => number
  readonly isTrue: (probability: number) => boolean
  readonly pick: <T>(items: readonly T[]) => T
  /** An index below `count`; the first is the likeliest, the n-th n times less so (Zipf). */
  readonly zipf: (count: number) => number
}

export function createChance (seed: number): Chance {
  const next = seededChance(seed)
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    below: end => Math.floor(next() * end),
    isTrue: probability => next() < probability,
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    zipf: (count) => {
      const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1))
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0)
      const found = weights.findIndex((weight) => { left -= weight; return left < 0 })
      return found === -1 ? count - 1 : found
    }
  }
}
