import { AppError } from '../../platform/errors.ts'

/**
 * Repeats `step` while it throws a retryable error of ours, every `everyMs`, for at most `forMs`; then throws the last one.
 * Any other error is thrown at once. `waiting` is told the first error, once.
 */
export async function patiently<T> (step: () => Promise<T>, options: { forMs: number, everyMs: number, waiting: (error: AppError) => void }): Promise<T> {
  const end = performance.now() + options.forMs
  for (let told = false; ;) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable || performance.now() >= end) throw error
      if (!told) options.waiting(error)
      told = true
      await new Promise(resolve => setTimeout(resolve, options.everyMs))
    }
  }
}
