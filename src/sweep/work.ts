import type { PortalClient } from '../bitrix24/client.ts'
import { listChanged } from '../bitrix24/list.ts'
import { walkDeals } from '../bitrix24/walk.ts'
import type { Mapping } from '../domain/mapping/mapping.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { EventLog } from '../eventlog/port.ts'
import { failpoint } from '../platform/failpoint.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import { compare, waitsInBackfill } from './compare.ts'
import { listFrom } from './cursor.ts'
import { isBelievable } from './believable.ts'
import { createPace } from './pace.ts'
import type { Pace } from './pace.ts'
import { signalFor } from './signal.ts'
import type { Finding } from './signal.ts'
import { noteSignalled } from './sql/standing.ts'
import type { SweepTelemetry } from './telemetry.ts'

/** The parts whose promises a pass rests on; a test puts a bug in the place of one. */
export interface SweepParts {
  readonly compare: typeof compare
  readonly waitsInBackfill: typeof waitsInBackfill
  readonly listFrom: typeof listFrom
  readonly listChanged: typeof listChanged
  readonly walkDeals: typeof walkDeals
  readonly isBelievable: typeof isBelievable
  readonly createPace: (perSecond: number) => Pace
  /** So many signals of a portal's backfill may be open. */
  readonly backfillAhead: number
}

// 5,000 are minutes of work for the dispatcher, and little for its table of work.
export const PARTS: SweepParts = { compare, waitsInBackfill, listFrom, listChanged, walkDeals, isBelievable, createPace, backfillAhead: 5000 }

export interface SweepRoute { readonly to: string, readonly mapping: Mapping }

/** What a pass over one portal works with. `turn` waits for the sweep's part of the budget and keeps the lease; it throws when that is lost. */
export interface Work {
  readonly portal: string
  readonly client: PortalClient
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: SweepTelemetry
  readonly signal: AbortSignal
  readonly parts: SweepParts
  /** Where the portal's deals go, and by which mapping: it names the contacts and companies that go with them. */
  readonly route: SweepRoute
  /** Whether deals that the portal had before anybody heard of them are signalled too. */
  readonly backfill: boolean
  /** What this visit saw so far; the pass adds to it. */
  readonly counts: Counts
  readonly turn: () => Promise<void>
}

/**
 * What a visit saw. By time: deals `listed` as changed. By id: deals `asked` for in the full pass, those that went into the
 * backfill, those `left` out since it is off, those signalled as `deleted`, and those `absent` that nobody believes to be.
 * The others are signals given, and why a listed deal got none.
 */
export interface Counts {
  requests: number
  listed: number
  asked: number
  signalled: number
  backfilled: number
  deleted: number
  absent: number
  same: number
  older: number
  open: number
  later: number
  own: number
  left: number
}

export function noCounts (): Counts {
  return { requests: 0, listed: 0, asked: 0, signalled: 0, backfilled: 0, deleted: 0, absent: 0, same: 0, older: 0, open: 0, later: 0, own: 0, left: 0 }
}

/** Thrown out of a pass when the portal failed; what was signalled so far stands, and the cursor stays. */
export class PassFailed extends Error {
  readonly failure: Failure
  constructor (failure: Failure) {
    super(failure.detail)
    this.failure = failure
  }
}

/**
 * Appends the signals of findings and remembers them. The memory comes after the log: a crash between the two signals a
 * deal twice, which costs one read; the other way round it would hide a change.
 */
export async function tell (work: Work, findings: readonly Omit<Finding, 'portal'>[]): Promise<void> {
  const { portal, log, pool, logger, telemetry, signal } = work
  const told = await Promise.all(findings.map(async (finding) => {
    const event = signalFor({ ...finding, portal })
    const { offset } = await unlessStopped(log.append(event), signal)
    telemetry.signals.inc({ portal, kind: finding.kind })
    logger.log(finding.channel === 'backfill' ? 'debug' : 'info', 'change_found', { portal, source_deal_id: finding.dealId, what: finding.kind, offset }, event.correlationId)
    return { dealId: finding.dealId, offset, backfill: finding.channel === 'backfill' }
  }))
  if (told.length > 0) failpoint('K32')
  await noteSignalled(pool, portal, told)
}

/** An append waits for as long as the log is away, and a request for its time-out; a stop waits for neither. */
export function unlessStopped<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('stopped'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
