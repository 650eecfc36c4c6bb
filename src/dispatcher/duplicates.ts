// The daily scan of a target portal for what stands there twice. Promises: whatever carries our ORIGIN pair more than once is found
// within a day, alarmed and written down with what to keep. Does not promise: to remove it; that is a person's decision. Breaks it:
// a person who clears the ORIGIN pair. Watched by duplicates.int.test.ts, which plants a second deal.
import { COPIES_STEP, MADE_STEP, boundsOfMade, copiesOf, listMade } from '../bitrix24/made.ts'
import type { MadeKind } from '../bitrix24/made.ts'
import type { PortalClient } from '../bitrix24/client.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import { monotonicMs } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import type { TargetLease } from './lease.ts'
import type { PortalLanes } from './portals.ts'
import { countDuplicates, dueScan, endScan, noteDuplicates, notedOrigins, saveScan, unlinked } from './sql/duplicate.ts'
import type { ScanPlace } from './sql/duplicate.ts'
import type { DispatcherTelemetry } from './telemetry.ts'

/**
 * How often a scan begins, and the pause between two of its requests: at 20 s it takes 2.5 % of a portal's two requests a second. While
 * deals wait for the target it pauses nine times as long.
 */
export interface ScanTimes { readonly everyMs: number, readonly pauseMs: number }

const TIMES: ScanTimes = { everyMs: 86_400_000, pauseMs: 20_000 }
const BUSY_PAUSES = 9

export interface DuplicateScan { readonly stop: () => Promise<void> }

interface Deps {
  readonly target: string
  readonly kinds: readonly MadeKind[]
  readonly lease: TargetLease
  readonly lanes: PortalLanes
  /** Whether deals wait for the target now. */
  readonly isBusy: () => boolean
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: DispatcherTelemetry
  readonly times?: ScanTimes | undefined
}

/** Starts the scan of one target; it looks only while this process owns the lease and the portal's lane is open. */
export function startDuplicateScan (deps: Deps): DuplicateScan {
  const { target, lease, lanes, isBusy, logger } = deps
  const { everyMs, pauseMs } = deps.times ?? TIMES
  const abort = new AbortController()
  let lookedAt = monotonicMs()

  async function turn (): Promise<void> {
    const client = lanes.client(target)
    if (client === undefined || lease.epoch() === null || lanes.isStopped(target)) return
    if (isBusy() && monotonicMs() - lookedAt < BUSY_PAUSES * pauseMs) return
    lookedAt = monotonicMs()
    const place = await dueScan(deps.pool, target)
    if (place !== undefined) await step(deps, client, { place, everyMs, signal: abort.signal })
  }

  async function run (): Promise<void> {
    for (;;) {
      await pause(pauseMs, abort.signal)
      if (abort.signal.aborted) return
      await turn().catch((error: unknown) => { if (!abort.signal.aborted) logger.log('warning', 'duplicate_scan_repeats', { target, error: messageOf(error) }) })
    }
  }
  const running = run()
  return {
    async stop () {
      abort.abort()
      await running
    }
  }
}

/** One request's worth of the scan. */
async function step (deps: Deps, client: PortalClient, how: { readonly place: ScanPlace, readonly everyMs: number, readonly signal: AbortSignal }): Promise<void> {
  const { pool, target } = deps
  const { place, signal } = how
  if (place.nextId === null) {
    const origins = await notedOrigins(pool, target, place.kind)
    if (!await look(deps, client, { kind: place.kind, origins, signal })) return
    const bounds = await boundsOfMade(client, place.kind, signal)
    if (bounds.kind === 'failed') { refuse(deps, bounds.failure); return }
    if (bounds.bounds === null) await goOn(deps, place.kind, how.everyMs)
    else await saveScan(pool, target, { kind: place.kind, nextId: bounds.bounds.first, lastId: bounds.bounds.last })
    return
  }
  const listed = await listMade(client, { kind: place.kind, from: place.nextId }, signal)
  if (listed.kind === 'failed') { refuse(deps, listed.failure); return }
  if (!await look(deps, client, { kind: place.kind, origins: await unlinked(pool, target, place.kind, listed.made), signal })) return
  const nextId = place.nextId + MADE_STEP
  if (place.lastId === null || nextId > place.lastId) await goOn(deps, place.kind, how.everyMs)
  else await saveScan(pool, target, { ...place, nextId })
}

/** Goes on with the next kind, or ends the scan. */
async function goOn ({ kinds, pool, target, logger, telemetry }: Deps, kind: MadeKind, everyMs: number): Promise<void> {
  const next = kinds[kinds.indexOf(kind) + 1]
  if (next !== undefined) { await saveScan(pool, target, { kind: next, nextId: null, lastId: null }); return }
  await endScan(pool, target, everyMs)
  const duplicates = await countDuplicates(pool, target)
  telemetry.duplicates.set({ target }, duplicates)
  logger.log(duplicates === 0 ? 'info' : 'error', 'duplicate_scan_ended', { target, count: duplicates })
}

/** Asks for every copy of these origins and writes down what stands twice; false when the target did not answer. */
async function look (deps: Deps, client: PortalClient, { kind, origins, signal }: { readonly kind: MadeKind, readonly origins: readonly string[], readonly signal: AbortSignal }): Promise<boolean> {
  const { pool, target, telemetry, logger } = deps
  for (let at = 0; at < origins.length; at += COPIES_STEP) {
    const looked = origins.slice(at, at + COPIES_STEP)
    const asked = await copiesOf(client, { kind, origins: looked }, signal)
    if (asked.kind === 'failed') { refuse(deps, asked.failure); return false }
    const fresh = await noteDuplicates(pool, target, { kind, looked, copies: asked.copies })
    for (const origin of fresh) logger.log('error', 'duplicate_found', { target, kind, origin_id: origin, target_ids: (asked.copies.get(origin) ?? []).join(', ') })
    if (fresh.length > 0) telemetry.duplicates.set({ target }, await countDuplicates(pool, target))
  }
  return true
}

function refuse ({ lanes, target, logger }: Deps, failure: Failure): void {
  if (failure.class === 'portal') lanes.stop(target, failure)
  logger.log('warning', 'duplicate_scan_repeats', { target, code: failure.code, error: failure.detail })
}

function pause (ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => { clearTimeout(timer); signal.removeEventListener('abort', done); resolve() }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
