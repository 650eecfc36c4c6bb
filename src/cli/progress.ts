import { monotonicMs } from '../platform/clock.ts'

/** Tells how far long work is. */
export interface Progress {
  at (done: number): void
  /** Leaves the last state standing, on a line of its own. */
  end (): void
}

export interface ProgressOutput { readonly isTTY?: boolean, write (text: string): unknown }

const EVERY_MS = 3000
const REDRAW_MS = 100
const WIDTH = 30

/** A bar on a terminal, elsewhere a line every three seconds; work that is done sooner says nothing there. */
export function createProgress (what: string, total: number, output: ProgressOutput = process.stderr): Progress {
  const terminal = output.isTTY === true
  let said = monotonicMs()
  let drawn = ''
  const draw = (done: number): void => {
    const filled = total === 0 ? WIDTH : Math.floor(WIDTH * done / total)
    drawn = `${what} [${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${done} of ${total}`
    output.write(`\r${drawn}`)
  }
  return {
    at (done) {
      const now = monotonicMs()
      const due = terminal ? done >= total || now - said >= REDRAW_MS : now - said >= EVERY_MS
      if (!due) return
      said = now
      if (terminal) draw(done)
      else output.write(`${what}: ${done} of ${total}\n`)
    },
    end () { if (drawn !== '') output.write('\n') }
  }
}
