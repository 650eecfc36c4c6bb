import type { Quotas } from '../domain/schedule/share.ts'
import type { EventLog } from '../eventlog/port.ts'
import type { Logger } from '../platform/logger.ts'
import type { Pool } from '../platform/postgres.ts'
import type { Bell } from './bell.ts'
import type { TargetLease } from './lease.ts'
import type { Memory } from './memory.ts'
import type { Outcome } from './outcome.ts'
import type { PreparedRoute } from './plan.ts'
import type { PortalLanes } from './portals.ts'
import type { RecordJob } from './records/record.ts'
import type { RecordSettler } from './records/settle.ts'
import type { Settler } from './settle.ts'
import type { claimDue } from './sql/claim.ts'
import type { commitIntents } from './sql/intent.ts'
import type { commitRecordIntents } from './sql/record.ts'
import type { sendLoad } from './target.ts'
import type { DispatcherTelemetry } from './telemetry.ts'
import type { createUnknownBox, lookUpUnknown } from './unknown.ts'
import type { Planned } from './work.ts'

export interface EngineDeps {
  readonly target: string
  readonly lease: TargetLease
  readonly lanes: PortalLanes
  readonly routes: ReadonlyMap<string, PreparedRoute>
  readonly log: EventLog
  readonly pool: Pool
  readonly logger: Logger
  readonly telemetry: DispatcherTelemetry
  readonly unknownWaitMs: number
  readonly quotas: Quotas
  readonly parts?: Partial<EngineParts> | undefined
}

/** The parts whose promises the engine rests on; a test puts a bug in the place of one. */
export interface EngineParts {
  readonly claimDue: typeof claimDue
  readonly commitIntents: typeof commitIntents
  readonly sendLoad: typeof sendLoad
  readonly lookUpUnknown: typeof lookUpUnknown
  readonly createUnknownBox: typeof createUnknownBox<Planned>
  /** Whether the target is asked for the deal before the write is sent (rule `lookFirst`). */
  readonly mustLookUp: (planned: Planned) => boolean
  readonly commitRecordIntents: typeof commitRecordIntents
  /** The same of a contact or company, whose link may also be asked about. */
  readonly mustLookUpRecord: (job: RecordJob) => boolean
  /** By what two records in hand may be the same; such are never looked up at a time. */
  readonly matchKeys: (job: RecordJob) => readonly string[]
}

/** What the steps of one target's engine share. */
export interface EngineContext extends Omit<EngineDeps, 'parts'> {
  readonly parts: EngineParts
  readonly memory: Memory
  readonly settler: Settler
  readonly records: RecordSettler
  readonly pickBell: Bell
  readonly sendBell: Bell
  /** Aborted when the engine has stopped for good. */
  readonly signal: AbortSignal
  /** Work that goes on beside the loops; a stop waits for it, and its error is logged. */
  readonly track: (work: Promise<void>) => void
  /** Tells the log, settles the rows, lets go of the claims. */
  readonly settle: (outcomes: readonly Outcome[]) => Promise<void>
}
