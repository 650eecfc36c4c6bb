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
const CLIMB = 1.25
const CLIMB_MS = 10_000

/**
 * Lowers at once, climbs soon to one step below where a row of refusals began, and raises slowly from there: a storm that is over
 * costs two minutes, and every raise beyond what was refused may cost refusals. All processes follow the one that was refused: the
 * script keeps the strictest interval that was used within the last minute (limiter.lua, 2), so a raise shows a minute later.
 */
export function createPace (clock: () => number): Pace {
  let part = 1
  let refusedAt = -Infinity
  let changedAt = -Infinity
  /** The part at which the last row of refusals began. */
  let refusedFrom = 1
  let isRaised = true

  function raiseTo (to: number): void {
    part = to
    changedAt = clock()
    isRaised = true
  }

  return {
    refused () {
      const at = clock()
      if (at - refusedAt >= ONE_SIGN_MS) {
        if (isRaised) refusedFrom = part
        isRaised = false
        part = Math.max(LEAST, part * LOWERED)
        refusedAt = at
      }
      changedAt = at
    },
    part () {
      const [calmMs, below] = [clock() - changedAt, refusedFrom * LOWERED]
      if (part < below && calmMs >= CLIMB_MS) raiseTo(Math.min(below, part * CLIMB))
      else if (part < 1 && calmMs >= CALM_MS) raiseTo(Math.min(1, part + RAISED))
      return part
    }
  }
}
