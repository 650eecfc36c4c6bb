import { versionOf } from '../bitrix24/version.ts'
import { ORIGINATOR } from '../domain/shared/ids.ts'
import { closingFields, decide } from '../domain/transfer/decide.ts'
import type { Decision, SourceRead } from '../domain/transfer/decide.ts'
import { mapDeal, writtenBy } from '../domain/mapping/mapping.ts'
import { withRecords } from '../domain/mapping/carried.ts'
import type { CarriedLink } from '../domain/mapping/carried.ts'
import type { Fields, Json, Mapped, Mapping } from '../domain/mapping/mapping.ts'
import { editedFor } from '../domain/signal/edit.ts'
import type { EditedFields } from '../domain/signal/edit.ts'
import type { SourceState } from '../domain/transfer/events.ts'
import { judgeRead } from '../domain/transfer/version.ts'
import type { Version } from '../domain/transfer/version.ts'
import { compileExpression } from '../platform/expressions.ts'
import type { Expression } from '../platform/expressions.ts'
import { hashOf } from '../platform/hash.ts'
import { messageOf } from '../platform/logger.ts'
import type { Claim } from './work.ts'

/** A route ready for use: its expressions are compiled. Throws at start when one is not valid. */
export interface PreparedRoute {
  readonly from: { readonly name: string, readonly domain: string }
  readonly mapping: Mapping
  readonly computed: readonly { readonly field: string, readonly when: 'always' | 'created', readonly run: Expression }[]
}

export type ComputedRule = string | { readonly expr: string, readonly when: 'always' | 'created' }

/** Compiles a route's computed fields; the error names the field. */
export function prepareRoute (from: { name: string, domain: string }, mapping: Mapping & { readonly computed: Readonly<Record<string, ComputedRule>> }): PreparedRoute {
  const computed = Object.entries(mapping.computed).map(([field, rule]) => {
    const { expr, when } = typeof rule === 'string' ? { expr: rule, when: 'always' as const } : rule
    try {
      return { field, when, run: compileExpression(expr) }
    } catch (error) {
      throw new Error(`computed.${field}: ${messageOf(error)}`, { cause: error })
    }
  })
  return { from, mapping, computed }
}

/** What a read of one deal leads to: read it again later, or a decision with all it was made from. */
export type Plan =
  | { readonly kind: 'again', readonly delayMs: number, readonly reason: string }
  | { readonly kind: 'decided', readonly decision: Decision, readonly state: SourceState, readonly version: Version | null, readonly fieldsHash: string }

/**
 * Makes a plan for one deal from what its portal said. Pure but for the expressions.
 * `beganAt` is on the source portal's clock, `nowMs` is the moment that computed fields see. `links`: where the deal's records
 * stand in the target; what is written depends on them, whether anything is does not.
 */
export async function makePlan (claim: Claim, read: { source: SourceRead, beganAt: number, nowMs: number, links: readonly CarriedLink[] }, route: PreparedRoute): Promise<Plan> {
  const { source } = read
  if (source.kind !== 'found') return planWithoutDeal(claim, source, route)
  const deal = source.deal
  const version = versionOf(deal)
  const state: SourceState = {
    snapshot: JSON.stringify(deal), sourceModifiedAt: version.modifiedAt, sourceHash: version.hash,
    title: text(deal['TITLE']), stage: text(deal['STAGE_ID'])
  }
  const verdict = judgeRead(claim.known, version, read.beganAt)
  if (verdict.kind === 'again') return { kind: 'again', delayMs: Math.max(200, verdict.at - read.beganAt), reason: verdict.reason }
  const edited = editedFor(claim.edit, version, writtenBy(route.mapping, route.computed.map(({ field }) => field)))
  const mapped = deal['ORIGINATOR_ID'] === ORIGINATOR ? null : withRecords(await mapWith(route, { deal, edited }, read.nowMs), route.mapping, read.links)
  const fieldsHash = mapped?.kind === 'fields' ? hashOf(mapped.fields) : ''
  if (isTooLarge(state.snapshot) || isTooLarge(JSON.stringify(mapped))) return { kind: 'decided', decision: TOO_LARGE, state: { ...state, snapshot: '' }, version, fieldsHash }
  const decision = decide({ source, mapping: route.mapping, mapped, fieldsHash, writtenHash: claim.writtenHash, link: claim.link })
  return { kind: 'decided', decision: tellVoid(decision, claim, version), state, version, fieldsHash }
}

/** The operator who edits a deal that has changed is told so where the deal is parked again. */
function tellVoid (decision: Decision, claim: Claim, version: Version): Decision {
  const isVoid = claim.edit !== null && claim.edit !== undefined && claim.edit.of !== version.hash
  return isVoid && decision.kind === 'park' ? { ...decision, detail: `${decision.detail} The edit was left out: it was for an older state of the deal.` } : decision
}

// An outcome holds the snapshot and what was written, and the log refuses a record over 700 KB for good: without this
// the outcome could never be told, and the deals of its batch would wait with it.
const LARGEST_BYTES = 250_000
const TOO_LARGE: Decision = { kind: 'park', reason: 'deal_too_large', detail: 'The deal holds more than 250 KB of text. Shorten its fields, or take the longest out of the mapping, then ask for the transfer again.' }

function isTooLarge (text: string): boolean {
  return Buffer.byteLength(text) > LARGEST_BYTES
}

function planWithoutDeal (claim: Claim, source: SourceRead, route: PreparedRoute): Plan {
  const fieldsHash = hashOf(closingFields(route.mapping))
  const decision = decide({ source, mapping: route.mapping, mapped: null, fieldsHash, writtenHash: claim.writtenHash, link: claim.link })
  return { kind: 'decided', decision, state: { snapshot: '', sourceModifiedAt: null, sourceHash: '', title: '', stage: '' }, version: null, fieldsHash }
}

async function mapWith (route: PreparedRoute, { deal, edited }: { readonly deal: Fields, readonly edited: EditedFields }, nowMs: number): Promise<Mapped> {
  const input = { deal, portal: route.from, now: new Date(nowMs).toISOString().replace(/\.\d+Z$/, '+00:00') }
  const values: { always: Record<string, Json>, created: Record<string, Json> } = { always: {}, created: {} }
  for (const { field, when, run } of route.computed) {
    if (Object.hasOwn(edited, field)) continue
    try {
      values[when][field] = (await run(input) ?? '') as Json
    } catch (error) {
      return { kind: 'no', end: 'park', reason: 'computed_failed', detail: `The computed field ${field} failed: ${messageOf(error)}. Correct it in the mapping, then ask for the transfer again.` }
    }
  }
  return mapDeal(route.mapping, deal, values, edited)
}

function text (value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
