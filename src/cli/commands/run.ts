import { messageOf } from '../../platform/logger.ts'

/** A process as the command sees it. */
export interface Runnable {
  readonly name: string
  missing (): Promise<readonly string[]>
  stop (): Promise<void>
  readonly dead: Promise<Error>
}

const STOP_MS = 20_000

/**
 * Runs processes in the foreground until SIGTERM or SIGINT, started in order and stopped in reverse within 20 s.
 * `ready` is called once when nothing is missing any more. Gives the exit code: 0, or 1 when a process died.
 */
export async function run (starts: readonly (() => Promise<Runnable>)[], report: { ready: (names: string[]) => void, died: (sentence: string) => void }): Promise<number> {
  const running: Runnable[] = []
  const ended = new Promise<number>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(0))
  })
  for (const start of starts) running.push(await start())
  const died = Promise.race(running.map(async (each) => {
    const error = await each.dead
    report.died(`${each.name} cannot go on: ${messageOf(error)}`)
    return 1
  }))
  const over = new AbortController()
  void waitReady(running, over.signal).then((ready) => { if (ready) report.ready(running.map(each => each.name)) })
  const code = await Promise.race([ended, died])
  over.abort()
  const late = new Promise<boolean>(resolve => setTimeout(() => resolve(false), STOP_MS).unref())
  const stopped = (async () => {
    for (const each of running.toReversed()) await each.stop().catch((error: unknown) => report.died(`${each.name} stopped badly: ${messageOf(error)}`))
    return true
  })()
  if (!await Promise.race([stopped, late])) report.died('not everything stopped within 20 s; what was in hand is taken up at the next start')
  return code
}

async function waitReady (running: readonly Runnable[], signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const missing = await Promise.all(running.map(each => each.missing().catch(() => ['readiness'])))
    if (missing.every(names => names.length === 0)) return true
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return false
}
