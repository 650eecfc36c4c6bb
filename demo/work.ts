import { createPeople } from './people.ts'
import { picture, readDeals, readSummary } from './view.ts'
import type { World } from './world.ts'

const PACE_MS = 700

/** People work and a picture is printed until `signal` is aborted; gives the exit code. `page` is the live page as a person calls it. */
export async function workForEver (world: Pick<World, 'control' | 'query' | 'key'>, options: { page: string, signal: AbortSignal }): Promise<number> {
  const people = createPeople(world, Math.random)
  const terminal = process.stdout.isTTY
  let lastLine = ''
  for (let turn = 0; !options.signal.aborted; turn += 1) {
    await people.act()
    const lines = picture(await readSummary(world), await readDeals(world, 100))
    if (terminal) process.stdout.write(`\u001b[H\u001b[2Jdealbridge   ${options.page}/   key ${world.key}   (Ctrl-C stops all of it)\n\n${lines.join('\n')}\n`)
    else if (turn % 5 === 0 && lines[0] !== lastLine) process.stdout.write(`${lines[0] ?? ''}\n`)
    lastLine = lines[0] ?? ''
    await pause(PACE_MS * (0.5 + Math.random()), options.signal)
  }
  return 0
}

/** Waits `ms`, or until `signal` is aborted. */
export function pause (ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => { clearTimeout(timer); signal.removeEventListener('abort', end); resolve() }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
