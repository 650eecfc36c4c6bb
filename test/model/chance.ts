/** Chance that a seed repeats (mulberry32). */
export interface Chance {
  /** 0 ≤ x < 1. */
  next (): number
  below (end: number): number
  pick<T> (items: readonly T[]): T
  isTrue (probability: number): boolean
}

export function chanceOf (seed: number): Chance {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    next,
    below,
    pick (items) {
      const picked = items[below(items.length)]
      if (picked === undefined) throw new Error('nothing to pick from')
      return picked
    },
    isTrue: probability => next() < probability
  }
}
