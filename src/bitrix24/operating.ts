// Seconds of method time of one portal: ten minutes, ten baskets, each method its own (vendor page: limits, operating time).
// Promises: once an answer of a method was heard, no call of it is begun that the portal would refuse, and 95 % of its
// seconds and more are used while they are what limits. Does not promise: the first call after a start, when nothing is known;
// a portal that tells no seconds; other programs that use the same seconds faster than the answers tell.
// Watched by operating-seconds.test.ts, which plants a program without the hold.
import { monotonicMs } from '../platform/clock.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { MethodTime } from './response.ts'

export interface Operating {
  /** One good answer of the method; null when it told no seconds. */
  note (method: string, time: MethodTime | null): void
  /** The failure with the wait it asks for: an OPERATION_TIME_LIMIT ends at the reset of the last good answer, or is asked about every 30 s. */
  withWait (method: string, failure: Failure): Failure
  /** Milliseconds for which a call of the method would be refused, as far as is known; 0 when it may be called. */
  heldMs (method: string): number
  /** How many more calls of the method may be begun now without one that would be refused; Infinity where seconds are not told. */
  room (method: string): number
  /** Counts calls as under way; the function that it gives ends that, once their answers were noted or never will be. */
  begin (methods: readonly string[]): () => void
}

interface Known {
  used: number
  /** When the oldest basket leaves the sum. */
  resetAt: number
  /** Seconds of one call, and how far calls differ from that. */
  cost: number
  deviation: number
}

const UNTOLD_MS = 30_000
const LONGEST_MS = 600_000
const SHORTEST_MS = 1_000
// The reset is told in whole seconds, rounded down.
const RESET_LATE_MS = 1_000
const SAME_RESET_MS = 1_500
const USABLE = 0.99
/** From here on a refusal for the seconds is what was to be expected. */
const NEAR = 0.9
const LEARNING = 0.1
/** Calls under way before a method's first answer: one request's worth. */
const FIRST_CALLS = 50

/**
 * The window is ten minutes, so no wait is longer. A method that is refused again after its reset waits as if none was told:
 * the next part of the window leaves within a minute.
 */
export function createOperating (options: { limitSeconds?: number, clock?: () => number } = {}): Operating {
  const { limitSeconds = Infinity, clock = monotonicMs } = options
  const methods = new Map<string, Known | 'untold'>()
  const holds = new Map<string, number>()
  const pending = new Map<string, number>()

  function waitFor (method: string): number {
    const known = methods.get(method)
    // Refused far from its limit: what it told does not explain that, so neither does it tell the end.
    const isExplained = typeof known === 'object' && (limitSeconds === Infinity || known.used >= limitSeconds * NEAR)
    const left = isExplained ? known.resetAt - clock() : 0
    return left <= 0 ? UNTOLD_MS : Math.min(Math.max(left, SHORTEST_MS), LONGEST_MS)
  }

  /** Calls that fit if none were under way. */
  function fitting (known: Known): number {
    const left = limitSeconds * USABLE - known.used
    return left <= 0 ? 0 : Math.floor(left / (known.cost + known.deviation))
  }

  /** The oldest basket has left the sum, and only an answer tells how much that was: one call asks. */
  const isReset = (known: Known): boolean => clock() >= known.resetAt + RESET_LATE_MS

  return {
    note (method, time) {
      holds.delete(method)
      const before = methods.get(method)
      methods.set(method, time === null ? 'untold' : learn(typeof before === 'object' ? before : undefined, time, clock()))
    },
    withWait (method, failure) {
      if (failure.code.toUpperCase() !== 'OPERATION_TIME_LIMIT') return failure
      const waitMs = failure.waitMs ?? waitFor(method)
      holds.set(method, clock() + waitMs)
      return { ...failure, waitMs }
    },
    heldMs (method) {
      const refused = Math.max(0, (holds.get(method) ?? -Infinity) - clock())
      const known = methods.get(method)
      if (typeof known !== 'object' || fitting(known) > 0) return refused
      return Math.max(refused, known.resetAt + RESET_LATE_MS - clock())
    },
    room (method) {
      const known = methods.get(method)
      if (known === 'untold') return Infinity
      const fits = known === undefined ? FIRST_CALLS : Math.max(fitting(known), isReset(known) ? 1 : 0)
      return Math.max(0, fits - (pending.get(method) ?? 0))
    },
    begin (calls) {
      for (const method of calls) pending.set(method, (pending.get(method) ?? 0) + 1)
      let ended = false
      return () => {
        if (ended) return
        ended = true
        for (const method of calls) pending.set(method, (pending.get(method) ?? 0) - 1)
      }
    }
  }
}

function learn (before: Known | undefined, { operating, resetInMs, tookMs }: MethodTime, at: number): Known {
  const resetAt = at + (resetInMs ?? UNTOLD_MS)
  const seconds = (tookMs ?? 0) / 1000
  if (before === undefined) return { used: operating, resetAt, cost: seconds, deviation: seconds / 2 }
  const deviation = before.deviation + LEARNING * (Math.abs(seconds - before.cost) - before.deviation)
  const cost = before.cost + LEARNING * (seconds - before.cost)
  // Answers may overtake each other: of two that tell the same reset the larger sum is the later one.
  const used = Math.abs(resetAt - before.resetAt) < SAME_RESET_MS ? Math.max(before.used, operating) : operating
  return { used, resetAt, cost, deviation }
}
