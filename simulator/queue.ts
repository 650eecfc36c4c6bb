/** Calls to one handler, one after another, with gaps that grow while it is slow or fails. */
export interface Queue { put: (job: Job) => void, idle: () => Promise<void> }
/** One call; gives whether it was good: fast, and answered with 2xx. */
export type Job = () => Promise<boolean>

const MOST = 64

/** `gapMs` is the first gap; it doubles up to 64 times with each bad call and ends with a good one. 0 means no gaps. */
export function createQueue (gapMs: () => number, pause: (ms: number) => Promise<void>): Queue {
  let tail: Promise<void> = Promise.resolve()
  let factor = 0
  return {
    put: (job) => {
      tail = tail.then(async () => {
        if (factor > 0) await pause(gapMs() * factor)
        factor = await job() ? 0 : Math.min(MOST, Math.max(1, factor * 2))
      })
    },
    idle: () => tail
  }
}
