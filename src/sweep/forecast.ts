import type { Walk } from './sql/portal.ts'

/**
 * How far a portal's full pass is. `total`: deals it will list, null when untold. `signalled`: into the backfill, of which `ended`
 * have their end. `perSecond`: deals that are done with, on average; `etaSeconds`: until all are, null when nobody can tell.
 */
export interface Forecast {
  readonly total: number | null
  readonly listed: number
  readonly signalled: number
  readonly ended: number
  readonly perSecond: number
  readonly etaSeconds: number | null
}

/** Reckons from a walk at `nowMs` with so many `open` signals of the backfill: the pass is as fast as what it waits for. */
export function forecast (walk: Walk, open: number, nowMs: number): Forecast {
  const waiting = Math.min(open, walk.signalled)
  const done = walk.listed - waiting
  const total = walk.total === null ? null : Math.max(walk.total, walk.listed)
  const seconds = Math.max(0, nowMs - (walk.beganAt ?? nowMs)) / 1000
  const perSecond = seconds === 0 ? 0 : done / seconds
  const left = total === null ? null : total - done
  const over = walk.after === null && waiting === 0
  return {
    total, listed: walk.listed, signalled: walk.signalled, ended: walk.signalled - waiting, perSecond,
    etaSeconds: over ? 0 : left === null || perSecond === 0 ? null : Math.ceil(left / perSecond)
  }
}
