import { failpoint } from '../../platform/failpoint.ts'
import { messageOf } from '../../platform/logger.ts'
import type { Logger } from '../../platform/logger.ts'
import type { SegmentWriter, Writing } from './segments.ts'

/** The own folder of a process: what is put there together is synced together. */
export interface Shelf {
  /** True once it is on disk for good; false when the limit is reached or the disk refuses. */
  put (payload: Buffer): Promise<boolean>
  /** Resolves when nothing is being written that was put until now. */
  settled (): Promise<void>
  isSettled (): boolean
  /** Bytes put since it was last cleared. */
  bytes (): number
  clear (): void
  readonly writing: () => Writing | null
  seal (): Promise<void>
}

interface Waiting { readonly payload: Buffer, readonly end: (isKept: boolean) => void }

const GROUP = 500
const HEAD = 8

export function createShelf (writer: SegmentWriter, options: { limitBytes: number, logger: Logger }): Shelf {
  const { limitBytes, logger } = options
  const waiting: Waiting[] = []
  let committing: Promise<void> | null = null
  let bytes = 0

  async function commit (): Promise<void> {
    // Others may join the group; and the caller has noted this commit before it can be over.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting.splice(0, GROUP)
      const size = group.reduce((sum, { payload }) => sum + payload.length + HEAD, 0)
      const isKept = bytes + size <= limitBytes && await write(group.map(({ payload }) => payload))
      if (isKept) bytes += size
      else logger.log('error', 'spool_full', { count: group.length })
      for (const { end } of group) end(isKept)
    }
    committing = null
  }

  async function write (payloads: readonly Buffer[]): Promise<boolean> {
    try {
      await writer.append(payloads)
      failpoint('K6')
      return true
    } catch (error) {
      logger.log('error', 'spool_write_failed', { error: messageOf(error) })
      return false
    }
  }

  return {
    put: payload => new Promise((resolve) => {
      waiting.push({ payload, end: resolve })
      committing ??= commit()
    }),
    settled: async () => { await committing },
    isSettled: () => committing === null && waiting.length === 0,
    bytes: () => bytes,
    clear: () => { bytes = 0 },
    writing: () => writer.current(),
    seal: () => writer.seal()
  }
}
