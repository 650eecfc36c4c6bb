import type { JournalEntry } from '../../simulator/journal.ts'

/** What an oracle found: the invariant, the thing it is about (a deal, a process), and what is wrong with it. */
export interface Finding { readonly invariant: string, readonly about: string, readonly what: string }

/** A save of a source deal as the driver made it, or a robot or person of a fault. `version` rises by one with each save of the driver. */
export interface SourceSave { readonly portal: string, readonly dealId: string, readonly at: number, readonly version: number, readonly isDeletion: boolean, readonly isMapped: boolean }

/** A save of a target deal as the portal applied it. `version` is what came over with the mapped field; closed: as for a deleted deal. */
export interface TargetSave { readonly origin: string, readonly at: number, readonly version: number, readonly isClosed: boolean }

/** A deal as a portal shows it, with UPPER-case names. */
export type PortalDeal = Readonly<Record<string, unknown>>

/** Where a record stands in the log, and what it says. */
export interface LoggedSignal { readonly partition: number, readonly offset: bigint, readonly portal: string, readonly dealId: string, readonly channel: string, readonly payloadHash: string, readonly receivedAt: number }
export interface LoggedOutcome {
  readonly partition: number
  readonly offset: bigint
  readonly portal: string
  readonly dealId: string
  readonly type: 'TransferSucceeded' | 'TransferSkipped' | 'TransferDeferred' | 'TransferParked' | 'TransferOutcomeUnknown' | 'TransferSuperseded'
  readonly attemptId: string
  readonly attemptNo: number
  readonly epoch: number
  readonly coveredOffset: bigint
  readonly coveredCount: number
  readonly action?: string
  readonly reason?: string
  readonly targetDealId?: string | null
  readonly title?: string
  readonly stage?: string
  readonly snapshot?: string
  readonly sourceModifiedAt?: number | null
  readonly sourceHash?: string
}
export interface LogDump {
  readonly signals: readonly LoggedSignal[]
  readonly outcomes: readonly LoggedOutcome[]
  /** The offset after the last record, by `topic/partition`. */
  readonly ends: ReadonlyMap<string, bigint>
  readonly quarantined: number
}

/** A row of `dispatch.work`, of `read_v1.deal` and of a checkpoint, as PostgreSQL gives them. */
export interface WorkRow { readonly portal: string, readonly deal_id: string, readonly status: string, readonly last_offset: bigint, readonly signal_count: number, readonly covered_count: number, readonly link: string | null, readonly reason: string | null }
export interface DealRow {
  readonly portal: string
  readonly deal_id: string
  readonly signals_seen: bigint
  readonly open: bigint
  readonly applied: bigint
  readonly unchanged: bigint
  readonly superseded: bigint
  readonly skipped: bigint
  readonly parked: bigint
  readonly state: string
  readonly target_deal_id: string | null
  readonly title: string | null
  readonly stage: string | null
  readonly reason: string | null
}
export interface CheckpointRow { readonly reader: 'dispatcher' | 'projector', readonly topic: string, readonly partition: number, readonly next_offset: bigint }
export interface Tables { readonly work: readonly WorkRow[], readonly deals: readonly DealRow[], readonly attention: readonly { readonly portal: string, readonly deal_id: string, readonly state: string }[], readonly checkpoints: readonly CheckpointRow[] }

/** How a process stood when it was looked at. */
export interface Sample { readonly process: string, readonly at: number, readonly rssMb: number, readonly descriptors: number }

/** Times between which refusals are by the rig's own doing. */
export interface Span { readonly from: number, readonly to: number }

/** Everything that the oracles look at after a run, from outside of the system's own words where that is possible. */
export interface Evidence {
  readonly journal: readonly JournalEntry[]
  readonly target: string
  readonly sourceSaves: readonly SourceSave[]
  readonly targetSaves: readonly TargetSave[]
  /** By source portal, at the end. */
  readonly sourceDeals: ReadonlyMap<string, readonly PortalDeal[]>
  readonly targetDeals: readonly PortalDeal[]
  readonly log: LogDump
  readonly tables: Tables
  readonly samples: readonly Sample[]
  readonly spoolBytes: number
  /** In which the rig had portals refuse requests. */
  readonly refusing: readonly Span[]
  /** How long a request may have been on its way by the rig's own doing. */
  readonly wireMs: number
}

/** `acme:1000`, as ORIGIN_ID, the log's keys and findings name a deal. */
export function dealKey (deal: { readonly portal: string, readonly dealId: string }): string {
  return `${deal.portal}:${deal.dealId}`
}
