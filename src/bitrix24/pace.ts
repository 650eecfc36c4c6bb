/** The part (0 to 1) of its rate at which this process asks for requests, lower for a while after refusals. */
export interface Pace {
  /** The portal refused a request for its rate although the budget had granted it: somebody else uses the same address. */
  refused (): void
  part (): number
}

const LOWERED = 0.85
const LEAST = 0.25
const RAISED = 0.05
/** A row of refusals is one sign, not many. */
const ONE_SIGN_MS = 5_000
const CALM_MS = 120_000

/**
 * Lowers at once and raises slowly, since every raise that is too much costs refused requests. All processes follow the one
 * that was refused: the script keeps the strictest interval that was used within the last minute (limiter.lua, 2).
 */
export function createPace (clock: () => number): Pace {
  let part = 1
  let refusedAt = -Infinity
  let changedAt = -Infinity
  return {
    refused () {
      const at = clock()
      if (at - refusedAt >= ONE_SIGN_MS) {
        part = Math.max(LEAST, part * LOWERED)
        refusedAt = at
      }
      changedAt = at
    },
    part () {
      if (part < 1 && clock() - changedAt >= CALM_MS) {
        part = Math.min(1, part + RAISED)
        changedAt = clock()
      }
      return part
    }
  }
}
