// Where signals wait on disk while the log is away.
// Promises: what `keep` said is kept is on disk (fsync) and gets into the log, in the order of its deal, behind what was kept
// before; also after a kill in the middle of a write, a full disk, and by another process when its own does not come back.
// Does not promise: once. After a kill up to one segment is appended a second time, and the reader of signals does not mind.
// Breaks it: writing to a folder whose owner lives, or answering before the fsync. Watched by I1 and I22; spool.int.test.ts plants both bugs.
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { DealChangeSignalled } from '../../domain/signal/signal.ts'
import type { EventLog } from '../../eventlog/port.ts'
import { now, uuidv7 } from '../../platform/clock.ts'
import { messageOf } from '../../platform/logger.ts'
import type { Logger } from '../../platform/logger.ts'
import { Gauge } from '../../platform/metrics.ts'
import type { Registry } from '../../platform/metrics.ts'
import { isAlive, showAlive } from '../../platform/alive.ts'
import { emptyFolder } from './empty.ts'
import { createSegmentReader, createSegmentWriter, hasSegments } from './segments.ts'
import type { SegmentReader } from './segments.ts'
import { createShelf } from './shelf.ts'
import type { Shelf } from './shelf.ts'

/** `kept`: on disk. `full`: not kept. `drained`: nothing waits any more, the log takes it directly. */
export type Kept = 'kept' | 'full' | 'drained'

export interface Spool {
  /** Makes its folder and takes over what dead processes left. Throws when `dir` cannot be written. */
  start (): Promise<void>
  /** True while anything waits: then every signal goes behind it. */
  isInUse (): boolean
  hasRoom (): boolean
  keep (event: DealChangeSignalled): Promise<Kept>
  /** What still waits stays on disk for the next start. */
  stop (): Promise<void>
}

export interface SpoolOptions {
  readonly dir: string
  readonly log: EventLog
  readonly logger: Logger
  readonly registry: Registry
  /** Bytes on disk of this process's own folder. */
  readonly limitBytes: number
  /** For tests that plant a bug: what takes the place of the real one. */
  readonly createWriter?: typeof createSegmentWriter
  readonly isAlive?: typeof isAlive
}

const LOOK_MS = 250
const ADOPT_MS = 10_000
const CLOSING_MS = 1000

export function createSpool (options: SpoolOptions): Spool {
  const { dir, log, logger } = options
  const folder = path.join(dir, uuidv7())
  const stopping = new AbortController()
  let shelf: Shelf | undefined
  let owner: { end (): Promise<void> } | undefined
  let since: number | null = null
  // While the last records are drained new ones wait for that: they would be the reason that it never ends.
  let closing: PromiseWithResolvers<void> | null = null
  let draining: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let wake = Promise.withResolvers<void>()
  meter(options.registry, { bytes: () => shelf?.bytes() ?? 0, age: () => since === null ? 0 : (now() - since) / 1000 })

  function begin (): void {
    if (since !== null) return
    since = now()
    logger.log('warning', 'spool_begins')
    wake.resolve()
  }

  /** Folders of processes that are gone; those under another kind of name are being made, or hold damaged files. */
  async function findForeign (): Promise<string[]> {
    const found: string[] = []
    for (const name of (await readdir(dir)).toSorted()) {
      const at = path.join(dir, name)
      if (at !== folder && /^[0-9a-f]/.test(name) && !await (options.isAlive ?? isAlive)(at)) found.push(at)
    }
    return found
  }

  async function takeOver (at: string): Promise<number> {
    const count = await emptyFolder(createSegmentReader(at), () => null, { log, logger })
    if (await hasSegments(at)) await rename(at, path.join(dir, `damaged-${path.basename(at)}`))
    else await rm(at, { recursive: true })
    return count
  }

  /** Empties the own folder to its very end: new ones wait meanwhile, but not for ever, so it looks again until nothing came. */
  async function finish (own: Shelf, reader: SegmentReader): Promise<number> {
    let count = await emptyFolder(reader, own.writing, { log, logger })
    closing = Promise.withResolvers()
    for (;;) {
      await own.settled()
      count += await emptyFolder(reader, own.writing, { log, logger })
      if (!own.isSettled()) continue
      if (own.writing() === null) break
      await own.seal()
    }
    own.clear()
    since = null
    return count
  }

  async function drainOnce (own: Shelf, reader: SegmentReader): Promise<void> {
    const foreign = await findForeign()
    if (foreign.length > 0) begin()
    if (since === null) return
    if (!log.isWritable()) return await delay(LOOK_MS, undefined, { signal: stopping.signal })
    let count = 0
    for (const at of foreign) count += await takeOver(at)
    count += await finish(own, reader)
    logger.log('info', 'spool_drained', { count })
  }

  async function drain (own: Shelf): Promise<void> {
    const reader = createSegmentReader(folder)
    while (!stopping.signal.aborted) {
      if (since === null) await Promise.race([wake.promise, delay(ADOPT_MS, undefined, { ref: false })])
      wake = Promise.withResolvers()
      try {
        await drainOnce(own, reader)
      } catch (error) {
        if (stopping.signal.aborted) return
        logger.log('warning', 'spool_waits', { error: messageOf(error) })
        await delay(LOOK_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
      } finally {
        closing?.resolve()
        closing = null
      }
    }
  }

  async function start (): Promise<void> {
    // Under its own name only once it shows its owner: a folder without one is taken over.
    const draft = path.join(dir, `.${path.basename(folder)}`)
    await mkdir(draft, { recursive: true, mode: 0o700 })
    owner = await showAlive(draft)
    await rename(draft, folder)
    shelf = createShelf((options.createWriter ?? createSegmentWriter)(folder), { limitBytes: options.limitBytes, logger })
    if ((await findForeign()).length > 0) begin()
    draining = drain(shelf)
  }

  async function close (): Promise<void> {
    stopping.abort()
    wake.resolve()
    await shelf?.settled()
    await Promise.race([draining, delay(2000, undefined, { ref: false })])
    await shelf?.seal()
    await owner?.end()
    if (owner !== undefined && !await hasSegments(folder)) await rm(folder, { recursive: true })
  }

  return {
    start,
    stop: () => stopped ??= close(),
    isInUse: () => since !== null,
    hasRoom: () => shelf !== undefined && shelf.bytes() < options.limitBytes,
    async keep (event) {
      // When the log went away meanwhile the end of the draining is not near; then it looks once more for what comes now.
      if (closing !== null && log.isWritable()) {
        await Promise.race([closing.promise, delay(CLOSING_MS)])
        if (since === null) return 'drained'
      }
      if (shelf === undefined) return 'full'
      begin()
      return await shelf.put(Buffer.from(JSON.stringify(event))) ? 'kept' : 'full'
    }
  }
}

function meter (registry: Registry, read: { bytes: () => number, age: () => number }): void {
  new Gauge({ name: 'dealbridge_spool_bytes', help: 'Bytes of signals that wait on disk for the log.', registers: [registry], collect () { this.set(read.bytes()) } })
  new Gauge({ name: 'dealbridge_spool_age_seconds', help: 'Since when signals wait on disk for the log; 0: none does.', registers: [registry], collect () { this.set(read.age()) } })
}
