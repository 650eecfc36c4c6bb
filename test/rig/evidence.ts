import type { JournalEntry } from '../../simulator/journal.ts'

/** What an oracle found: the invariant, the thing it is about (a deal, a process), and what is wrong with it. */
export interface Finding { readonly invariant: string, readonly about: string, readonly what: string }

/** A save of a source deal as the driver made it, or a robot or person of a fault. `version` rises by one with each save of the driver. */
export interface SourceSave { readonly portal: string, readonly dealId: string, readonly at: number, readonly version: number, readonly isDeletion: boolean, readonly isMapped: boolean }

/** A save of a target deal as the portal applied it. `version` is what came over with the mapped field; closed: as for a deleted deal. */
export interface TargetSave { readonly origin: string, readonly at: number, readonly version: number, readonly isClosed: boolean }

/** A deal as a portal shows it, with UPPER-case names. */
export type PortalDeal = Readonly<Record<string, unknown>>

/** The contacts and companies of a portal; their multi-fields stand in `FM`. */
export interface PortalRecords { readonly contact: readonly PortalDeal[], readonly company: readonly PortalDeal[] }

/** A save of a contact or company in the target. `version` is what came over with its name. */
export interface RecordSave { readonly kind: 'contact' | 'company', readonly origin: string, readonly at: number, readonly version: number }

/** Where a record stands in the log, and what it says. */
export interface LoggedSignal { readonly partition: number, readonly offset: bigint, readonly portal: string, readonly dealId: string, readonly channel: string, readonly payloadHash: string, readonly receivedAt: number, readonly order?: string }
export interface LoggedOutcome {
  readonly partition: number
  readonly offset: bigint
  readonly portal: string
  readonly dealId: string
  readonly type: 'TransferSucceeded' | 'TransferSkipped' | 'TransferDeferred' | 'TransferParked' | 'TransferOutcomeUnknown' | 'TransferSuperseded'
  readonly attemptId: string
  readonly attemptNo: number
  readonly occurredAt: number
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

/** Such a time and what was broken: a process, a part, an edge, a portal; `parts` while parts were brought back. */
export interface Trouble extends Span { readonly target: string }

/** How long a change and a deletion may take to land, from when nothing is broken any more (ms). */
export interface Bounds { readonly changeMs: number, readonly deletionMs: number }

/** A webhook of the front. `status` 0: nobody answered; `ms` from when it was sent until its answer, the second attempt included. */
export interface Call { readonly portal: string, readonly event: string, readonly dealId: string, readonly ts: number, readonly at: number, readonly ms: number, readonly status: number }

/** A webhook with wrong credentials, and what it was answered; 0: nobody answered. The deal's id is its own: no portal has such a deal. */
export interface Strange { readonly what: string, readonly dealId: string, readonly at: number, readonly status: number }

/** Everything that the oracles look at after a run, from outside of the system's own words where that is possible. */
export interface Evidence {
  readonly journal: readonly JournalEntry[]
  readonly target: string
  readonly sourceSaves: readonly SourceSave[]
  readonly targetSaves: readonly TargetSave[]
  /** By source portal, at the end. */
  readonly sourceDeals: ReadonlyMap<string, readonly PortalDeal[]>
  readonly targetDeals: readonly PortalDeal[]
  /** By source portal, at the end. */
  readonly sourceRecords: ReadonlyMap<string, PortalRecords>
  readonly targetRecords: PortalRecords
  readonly recordSaves: readonly RecordSave[]
  readonly log: LogDump
  readonly tables: Tables
  /** What the projector's metrics say, null when they could not be asked. */
  readonly metrics: string | null
  readonly samples: readonly Sample[]
  readonly spoolBytes: number
  /** In which the rig had portals refuse requests. */
  readonly refusing: readonly Span[]
  /** In which the rig had something broken, be it a process, a part, a connection or a portal. */
  readonly troubles: readonly Trouble[]
  readonly bounds: Bounds
  readonly strangers: readonly Strange[]
  /** The webhooks of the rig's own front. */
  readonly calls: readonly Call[]
  /** Of 100 turns of the rig's event loop 99 were late by no more than this. */
  readonly loopLagMs: number
  /** How long a request may have been on its way by the rig's own doing. */
  readonly wireMs: number
}

/** `acme:1000`, as ORIGIN_ID, the log's keys and findings name a deal. */
export function dealKey (deal: { readonly portal: string, readonly dealId: string }): string {
  return `${deal.portal}:${deal.dealId}`
}
