import type { Failure } from '../domain/transfer/failure.ts'

/**
 * A stretch of modification times: `from` ≤ time < `to` (ms, whole seconds; `to` null: to the end). With `afterId` it is one
 * second, of which only ids above that one are left.
 */
export interface Stretch { readonly from: number, readonly to: number | null, readonly afterId: string | null }

/** The answer is no page of what was asked for; going on from it could skip deals. */
export const NO_PAGE: Failure = { class: 'transient', code: 'no_answer', detail: 'The portal answered a list with something that is not a page of it.' }

const SECOND = 1000
const PIECES = 12

/** What is left of a stretch behind the last deal of a full page; null when that deal does not belong there: the filter was not obeyed. */
export function restOf (stretch: Stretch, last: { id: string, modifiedAt: number }, portalNow: number | null): Stretch[] | null {
  const second = Math.floor(last.modifiedAt / SECOND) * SECOND
  if (second < stretch.from || (stretch.to !== null && second >= stretch.to)) return null
  const same: Stretch = { from: second, to: second + SECOND, afterId: last.id }
  if (stretch.afterId !== null) return [same]
  return [same, ...split({ from: second + SECOND, to: stretch.to }, portalNow)]
}

/** Cuts a stretch into pieces that travel in one batch; the last one stays open when the whole was. */
function split ({ from, to }: { from: number, to: number | null }, portalNow: number | null): Stretch[] {
  if (to !== null && from >= to) return []
  const seconds = Math.floor(((to ?? portalNow ?? from) - from) / SECOND)
  const step = Math.max(1, Math.ceil(seconds / PIECES)) * SECOND
  const out: Stretch[] = []
  let at = from
  for (; out.length < PIECES - 1 && at + step < (to ?? portalNow ?? from); at += step) out.push({ from: at, to: at + step, afterId: null })
  return [...out, { from: at, to, afterId: null }]
}
