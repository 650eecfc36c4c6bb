/** Wakes a loop that waits for work; a ring that comes while nobody waits is kept. */
export interface Bell { ring (): void, wait (maxMs: number): Promise<void> }

export function createBell (): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring () {
      rung = true
      wake?.()
    },
    wait (maxMs) {
      if (rung) { rung = false; return Promise.resolve() }
      return new Promise((resolve) => {
        const done = (): void => { clearTimeout(timer); wake = undefined; rung = false; resolve() }
        const timer = setTimeout(done, maxMs)
        wake = done
      })
    }
  }
}
