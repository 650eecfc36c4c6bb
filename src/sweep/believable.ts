/** Below this many nobody wonders, whatever their share. */
const MANY = 50
const SHARE = 0.2

/**
 * Whether so many deals of a portal can be believed to be deleted at once. A right that was withdrawn from the webhook's author
 * looks the same in a list, and closing or deleting a partner's deals in the target cannot be taken back.
 */
export function isBelievable (absent: number, known: number): boolean {
  return absent < MANY || absent <= known * SHARE
}
