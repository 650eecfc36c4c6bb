/**
 * How far a pass reaches back behind the cursor.
 *
 * A save may take the portal's longest request, 60 s, between the moment that it writes as its modification time and its
 * commit, and a list may show it up to 5 s later still (docs: limits; the same 65 s that the dispatcher waits before it
 * looks up a write). Times count whole seconds besides, so a save of the cursor's own second may come after the pass.
 */
export const OVERLAP_MS = 70_000

/** From which modification time a pass lists (ms, a whole second of the portal's clock). */
export function listFrom (cursorMs: number): number {
  return Math.floor((cursorMs - OVERLAP_MS) / 1000) * 1000
}

/**
 * The cursor after a whole pass: its begin on the portal's clock. `oldestLater` is the modification time of the oldest
 * deal that could not be judged yet; the next pass lists it again.
 */
export function nextCursor (beganAt: number, oldestLater: number | null): number {
  return oldestLater === null ? beganAt : Math.min(beganAt, oldestLater + OVERLAP_MS)
}
