import { refKey } from '../../bitrix24/record.ts'
import type { RecordWrite } from '../../bitrix24/write.ts'
import type { Match, RecordRef } from '../../domain/mapping/carried.ts'
import type { Fields } from '../../domain/mapping/mapping.ts'
import type { Version } from '../../domain/transfer/version.ts'
import type { Failure } from '../../domain/transfer/failure.ts'

/** A record as a deal needs it in the target: the mapped fields of one read. `beganAt` is the source portal's clock (ms). */
export interface RecordNeed extends RecordRef {
  readonly portal: string
  readonly fields: Fields
  readonly hash: string
  readonly matches: readonly Match[]
  readonly version: Version
  readonly beganAt: number
}

/** A row of `dispatch.record` as claimed. `adopted`: the link leads to a record that somebody else made; it is never written. */
export interface RecordClaim extends RecordRef {
  readonly portal: string
  readonly target: string
  readonly attemptId: string
  readonly link: string | null
  readonly adopted: boolean
  readonly writtenHash: string | null
  /** The highest version ever attempted. */
  readonly known: Version | null
}

/** A claimed record on its way: without `write` the target is to be asked about it, then it is written. `deal` is the one whose transfer claimed it. */
export interface RecordJob {
  readonly claim: RecordClaim
  readonly need: RecordNeed
  readonly deal: { readonly portal: string, readonly dealId: string }
  readonly write: RecordWrite | null
}

/**
 * What became of a job. ready: the deals that need it may go on. next: looked up, to be written. again: its link has changed
 * and it is gathered anew. held: another record that may be the same is unknown. lost: somebody else has the row.
 */
export type RecordResult = { readonly job: RecordJob } & (
  | { readonly kind: 'ready', readonly link: string, readonly adopted: boolean, readonly hash: string | null, readonly written: boolean }
  | { readonly kind: 'next' }
  | { readonly kind: 'again', readonly link: string | null }
  | { readonly kind: 'refused', readonly detail: string }
  | { readonly kind: 'failed', readonly failure: Failure }
  | { readonly kind: 'unknown' | 'held' | 'lost' }
)

/** The name of a record among all of a target. */
export function recordKey (record: RecordRef & { readonly portal: string }): string {
  return `${record.portal}/${refKey(record)}`
}

/** The ORIGIN_ID of a record in the target. */
export function originIdOf ({ portal, sourceId }: RecordRef & { readonly portal: string }): string {
  return `${portal}:${sourceId}`
}

/** By what another record may turn out to be the same one; only while it has no link. */
export function matchKeys ({ claim, need }: RecordJob): string[] {
  return claim.link === null ? need.matches.flatMap(match => match.keys.map(key => `${claim.kind} ${key}`)) : []
}

/** What an intent keeps in the row, enough to look the record up after a crash. */
export function keepJob (job: RecordJob): string {
  return JSON.stringify(job)
}

export function recallJob (text: string): RecordJob {
  return JSON.parse(text) as RecordJob
}
