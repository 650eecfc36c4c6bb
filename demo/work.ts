import { createPeople } from './people.ts'
import { openScreen } from './screen.ts'
import { picture, readDeals, readSummary, sentence } from './view.ts'
import type { World } from './world.ts'

const PACE_MS = 700
// Where lines go to a file or to a log, one every few turns is enough.
const TURNS_PER_LINE = 5

/**
 * People work and what comes of it is shown until `signal` is aborted: a picture that stays in place on a terminal, a line
 * now and then elsewhere. `page` is the live page as a person calls it. Gives the exit code.
 */
export async function workForEver (world: Pick<World, 'control' | 'query' | 'key'>, options: { page: string, signal: AbortSignal }): Promise<number> {
  const people = createPeople(world, Math.random)
  const { show, end } = process.stdout.isTTY ? onTerminal(world, options) : asLines(world)
  try {
    for (let turn = 0; !options.signal.aborted; turn += 1) {
      await people.act()
      await show(turn)
      await pause(PACE_MS * (0.5 + Math.random()), options.signal)
    }
  } finally {
    end()
  }
  return 0
}

interface View { readonly show: (turn: number) => Promise<void>, readonly end: () => void }

function onTerminal (world: Pick<World, 'query' | 'key'>, { page, signal }: { page: string, signal: AbortSignal }): View {
  const screen = openScreen(process.stdout)
  // At once, so that what is said next stands on the terminal's own screen.
  signal.addEventListener('abort', () => { screen.close() }, { once: true })
  const head = [`dealbridge   ${page}/   key ${world.key}`, 'Ctrl-C stops all of it', '']
  return {
    show: async () => { screen.draw([...head, ...picture(await readSummary(world), await readDeals(world, 100), process.stdout.rows - head.length)]) },
    end: () => { screen.close() }
  }
}

function asLines (world: Pick<World, 'query' | 'key'>): View {
  let last = ''
  return {
    show: async (turn) => {
      if (turn % TURNS_PER_LINE !== 0) return
      const line = sentence(await readSummary(world), await readDeals(world, 100))
      if (line !== last) process.stdout.write(`${line}\n`)
      last = line
    },
    end: () => undefined
  }
}

/** Waits `ms`, or until `signal` is aborted. */
export function pause (ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => { clearTimeout(timer); signal.removeEventListener('abort', end); resolve() }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
