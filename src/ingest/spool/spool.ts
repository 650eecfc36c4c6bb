// Where signals wait on disk while the log is away.
// Promises: what `keep` said is kept is on disk (fsync) and gets into the log, in the order of its deal, behind what was kept
// before; also after a kill in the middle of a write, a full disk, and by another process when its own does not come back.
// Does not promise: once. After a kill up to one segment is appended a second time, and the reader of signals does not mind.
// Breaks it: writing to a folder whose owner lives, or answering before the fsync. Watched by I1 and I22; spool.int.test.ts plants both bugs.
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { DealChangeSignalled } from '../../domain/signal/signal.ts'
import type { EventLog } from '../../eventlog/port.ts'
import { now, uuidv7 } from '../../platform/clock.ts'
import { messageOf } from '../../platform/logger.ts'
import type { Logger } from '../../platform/logger.ts'
import { Gauge } from '../../platform/metrics.ts'
import type { Registry } from '../../platform/metrics.ts'
import { isAlive, showAlive } from '../../platform/alive.ts'
import { createSegmentReader, createSegmentWriter, hasSegments } from './segments.ts'
import type { SegmentReader, SegmentWriter, Writing } from './segments.ts'

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

const GROUP = 500
const LOOK_MS = 250
const ADOPT_MS = 10_000
const CLOSING_MS = 1000

const signalSchema = z.object({
  type: z.literal('DealChangeSignalled'), eventId: z.string(), correlationId: z.string(), causationId: z.string().nullable(), occurredAt: z.number(), portal: z.string(), dealId: z.string(),
  kind: z.enum(['added', 'updated', 'moved', 'deleted', 'unknown']), channel: z.enum(['webhook', 'robot', 'api', 'sweep', 'offline', 'operator', 'backfill']),
  receivedAt: z.number(), payload: z.string(), payloadHash: z.string(), repeat: z.boolean()
})

interface Waiting { readonly payload: Buffer, readonly end: (kept: Kept) => void }

export function createSpool (options: SpoolOptions): Spool {
  const { dir, log, logger, limitBytes } = options
  const folder = path.join(dir, uuidv7())
  const stopping = new AbortController()
  let writer: SegmentWriter | undefined
  let owner: { end (): Promise<void> } | undefined
  let foreign: string[] = []
  const waiting: Waiting[] = []
  let committing: Promise<void> | null = null
  let bytes = 0
  let oldest: number | null = null
  let isInUse = false
  // While the last records are drained new ones wait for that: they would be the reason that it never ends.
  let closing: PromiseWithResolvers<void> | null = null
  let draining: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let wake = Promise.withResolvers<void>()
  meter(options.registry, { bytes: () => bytes, age: () => oldest === null ? 0 : (now() - oldest) / 1000 })

  function begin (): void {
    if (isInUse) return
    isInUse = true
    oldest ??= now()
    logger.log('warning', 'spool_begins', { count: foreign.length })
    wake.resolve()
  }

  async function commit (): Promise<void> {
    // Others may join the group; and the caller has noted this commit before it can be over.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting.splice(0, GROUP)
      const size = group.reduce((sum, { payload }) => sum + payload.length + 8, 0)
      const kept = bytes + size <= limitBytes && await write(group.map(({ payload }) => payload))
      if (kept) bytes += size
      else logger.log('error', 'spool_full', { count: group.length })
      for (const { end } of group) end(kept ? 'kept' : 'full')
    }
    committing = null
  }

  async function write (payloads: Buffer[]): Promise<boolean> {
    try {
      await writer?.append(payloads)
      return writer !== undefined
    } catch (error) {
      logger.log('error', 'spool_write_failed', { error: messageOf(error) })
      return false
    }
  }

  /** Folders of processes that are gone; those that begin or hold damaged files are nobody's. */
  async function findForeign (): Promise<string[]> {
    const found: string[] = []
    for (const name of (await readdir(dir)).toSorted()) {
      const at = path.join(dir, name)
      if (at !== folder && /^[0-9a-f]/.test(name) && !await (options.isAlive ?? isAlive)(at)) found.push(at)
    }
    return found
  }

  async function takeOver (at: string): Promise<number> {
    const count = await empty(createSegmentReader(at), () => null)
    if (await hasSegments(at)) await rename(at, path.join(dir, `damaged-${path.basename(at)}`))
    else await rm(at, { recursive: true })
    return count
  }

  /** Appends all that stands in a folder now; gives how many. */
  async function empty (reader: SegmentReader, writing: () => Writing | null): Promise<number> {
    let count = 0
    for (let reading = await reader.next(writing); reading !== null; reading = await reader.next(writing)) {
      const { payloads, rest } = reading
      if (rest === 'damaged') logger.log('error', 'spool_damaged', { count: payloads.length, what: 'what follows these cannot be read; the file is kept as .damaged' })
      for (let at = 0; at < payloads.length; at += GROUP) await appendAll(payloads.slice(at, at + GROUP))
      count += payloads.length
      await reading.done()
    }
    return count
  }

  /** Empties the own folder to its very end: new ones wait meanwhile, but not for ever, so it looks again until nothing came. */
  async function finish (own: SegmentReader): Promise<number> {
    const current = (): Writing | null => writer?.current() ?? null
    let count = await empty(own, current)
    closing = Promise.withResolvers()
    for (;;) {
      await committing
      count += await empty(own, current)
      if (waiting.length > 0 || committing !== null) continue
      if (current() === null) break
      await writer?.seal()
    }
    bytes = 0
    oldest = null
    isInUse = false
    return count
  }

  async function appendAll (payloads: readonly Buffer[]): Promise<void> {
    // Handed over in order and waited for together: a partition keeps the order of its appends.
    await Promise.all(payloads.map(async (payload) => {
      const event = signalSchema.safeParse(JSON.parse(payload.toString('utf8')))
      if (event.success) await log.append(event.data)
      else logger.log('error', 'spool_damaged', { count: 1, what: 'a record is no signal' })
    }))
  }

  async function drain (): Promise<void> {
    const { signal } = stopping
    const own = createSegmentReader(folder)
    let drained = 0
    while (!signal.aborted) {
      if (!isInUse) await Promise.race([wake.promise, delay(ADOPT_MS, undefined, { ref: false })])
      wake = Promise.withResolvers()
      try {
        foreign = await findForeign()
        if (foreign.length > 0) begin()
        if (!isInUse) continue
        if (!log.isWritable()) { await delay(LOOK_MS, undefined, { signal }); continue }
        for (const at of foreign) drained += await takeOver(at)
        foreign = []
        drained += await finish(own)
        logger.log('info', 'spool_drained', { count: drained })
        drained = 0
      } catch (error) {
        if (signal.aborted) return
        logger.log('warning', 'spool_waits', { error: messageOf(error) })
        await delay(LOOK_MS, undefined, { signal }).catch(() => undefined)
      } finally {
        closing?.resolve()
        closing = null
      }
    }
  }

  async function close (): Promise<void> {
    stopping.abort()
    wake.resolve()
    await committing
    await Promise.race([draining, delay(2000, undefined, { ref: false })])
    await writer?.seal()
    await owner?.end()
    if (owner !== undefined && !await hasSegments(folder)) await rm(folder, { recursive: true })
  }

  return {
    isInUse: () => isInUse,
    hasRoom: () => bytes < limitBytes,
    async start () {
      // Under its own name only once it shows its owner: a folder without one is taken over.
      const draft = path.join(dir, `.${path.basename(folder)}`)
      await mkdir(draft, { recursive: true, mode: 0o700 })
      owner = await showAlive(draft)
      await rename(draft, folder)
      writer = (options.createWriter ?? createSegmentWriter)(folder)
      foreign = await findForeign()
      if (foreign.length > 0) begin()
      draining = drain()
    },
    async keep (event) {
      if (closing !== null) {
        await Promise.race([closing.promise, delay(CLOSING_MS)])
        if (!isInUse) return 'drained'
      }
      begin()
      return await new Promise<Kept>((resolve) => {
        waiting.push({ payload: Buffer.from(JSON.stringify(event)), end: resolve })
        committing ??= commit()
      })
    },
    stop: () => stopped ??= close()
  }
}

function meter (registry: Registry, read: { bytes: () => number, age: () => number }): void {
  new Gauge({ name: 'dealbridge_spool_bytes', help: 'Bytes of signals that wait on disk for the log.', registers: [registry], collect () { this.set(read.bytes()) } })
  new Gauge({ name: 'dealbridge_spool_age_seconds', help: 'Since when signals wait on disk for the log; 0: none does.', registers: [registry], collect () { this.set(read.age()) } })
}
