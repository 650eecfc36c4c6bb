import { setTimeout as sleep } from 'node:timers/promises'

type Falsy = false | null | undefined | 0 | '' | 0n

/**
 * Waits for a condition instead of sleeping: asks every `everyMs` until the answer is truthy, and gives that answer.
 *
 * A condition that throws is asked again. At the deadline it throws an error with the condition's last error, or its last value.
 */
export async function eventually<T> (condition: () => T | Promise<T>, options: { deadlineMs?: number, everyMs?: number } = {}): Promise<Exclude<T, Falsy>> {
  const { deadlineMs = 10000, everyMs = 20 } = options
  const end = performance.now() + deadlineMs
  for (;;) {
    let last: { readonly value: unknown } | { readonly error: unknown }
    try {
      const value = await condition()
      if (Boolean(value)) return value as Exclude<T, Falsy>
      last = { value }
    } catch (error) {
      last = { error }
    }
    if (performance.now() >= end) {
      if ('error' in last) throw new Error(`not so within ${deadlineMs} ms; the last error was: ${String(last.error)}`, { cause: last.error })
      throw new Error(`not so within ${deadlineMs} ms; the last answer was: ${String(last.value)}; asked: ${condition.toString().slice(0, 200)}`)
    }
    await sleep(everyMs)
  }
}
