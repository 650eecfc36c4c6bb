import { createRequire } from 'node:module'
import { AppError } from './errors.ts'

/** The one version of kafkajs whose inside this code touches (request queue here, cluster in kafka-reader.ts). */
export const KAFKAJS_VERSION = '2.2.4'

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null
  readonly throttledUntil: number
  readonly pending: readonly unknown[]
  checkPendingRequests (): void
}

/**
 * Stops the 1 ms timer that every connection of kafkajs runs for ever: idle CPU of a producer falls from 1.7 % to
 * 0.15 %, and the warning of Node.js about negative timeouts is gone. Call before the first connection; repeats are
 * harmless. Throws `part_failed` on another version than the one that was read.
 */
export function patchKafkajs (): void {
  const load = createRequire(import.meta.url)
  const { version } = load('kafkajs/package.json') as { version: string }
  if (version !== KAFKAJS_VERSION) throw new AppError('part_failed', `kafkajs ${version} is installed, this code is written for ${KAFKAJS_VERSION}`)
  const queue = load('kafkajs/src/network/requestQueue') as { prototype: { scheduleCheckPendingRequests (this: RequestQueue): void } }
  queue.prototype.scheduleCheckPendingRequests = function () {
    if (this.throttleCheckTimeoutId !== null && this.throttleCheckTimeoutId !== undefined) return
    if (this.pending.length === 0) return
    const wait = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    }, wait > 0 ? wait : 10)
  }
}
