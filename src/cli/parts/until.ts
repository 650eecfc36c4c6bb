import { setTimeout as sleep } from 'node:timers/promises'

/** Repeats `attempt` every `everyMs` (50) until it no longer throws and gives its result; throws its last error at the deadline. */
export async function until<T> (attempt: () => Promise<T>, options: { deadlineMs: number, everyMs?: number, unless?: () => Error | null }): Promise<T> {
  const end = performance.now() + options.deadlineMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const reason = options.unless?.() ?? null
      if (reason !== null) throw reason
      if (performance.now() > end) throw error
    }
    await sleep(options.everyMs ?? 50)
  }
}
