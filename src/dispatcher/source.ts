import type { PortalClient } from '../bitrix24/client.ts'
import { readDeals } from '../bitrix24/read.ts'
import { readRecords, refKey } from '../bitrix24/record.ts'
import { versionOf } from '../bitrix24/version.ts'
import { comesFrom, mapRecord, matchesOf, recordsOf, ruleOf } from '../domain/mapping/carried.ts'
import type { CarriedLink, RecordRef } from '../domain/mapping/carried.ts'
import type { SourceRead } from '../domain/transfer/decide.ts'
import type { SourceState } from '../domain/transfer/events.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { Version } from '../domain/transfer/version.ts'
import { now } from '../platform/clock.ts'
import { hashOf } from '../platform/hash.ts'
import { messageOf } from '../platform/logger.ts'
import { failed, ordered, settledByDecision, unrouted, waitAgain } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { makePlan } from './plan.ts'
import type { PreparedRoute } from './plan.ts'
import type { PortalLanes } from './portals.ts'
import type { WaitingDeal } from './records/book.ts'
import type { RecordNeed } from './records/record.ts'
import type { Claim, Planned } from './work.ts'

/** A deal that was read and will be written unless nothing changed; its records must stand in the target first. */
export interface DealInHand extends WaitingDeal {
  readonly read: { readonly source: SourceRead, readonly beganAt: number, readonly nowMs: number }
  readonly route: PreparedRoute
  readonly needs: readonly RecordNeed[]
  /** The deal's records in their order; `targetId` is known of those that came from the target itself. */
  readonly links: readonly (RecordRef & { readonly targetId?: string })[]
  readonly state: SourceState
  readonly version: Version | null
}

/** What came of claims of one source portal: deals to write, deals whose records come first, and outcomes that need no write. */
export interface ReadResult { readonly planned: readonly Planned[], readonly inHand: readonly DealInHand[], readonly outcomes: readonly Outcome[] }

interface ReadDeps { readonly lanes: PortalLanes, readonly route: PreparedRoute | undefined, readonly epoch: number, readonly signal: AbortSignal }
interface Reading { readonly route: PreparedRoute, readonly epoch: number, readonly nowMs: number, readonly beganAt: number }

/** Reads claimed deals of one portal back from it and decides for each; what an operator ordered is not read. Never throws: every claim comes out. */
export async function readAndDecide (all: readonly Claim[], deps: ReadDeps): Promise<ReadResult> {
  const outcomes = all.flatMap(claim => isOrdered(claim) ? [ordered(claim, claim.standing, deps.epoch)] : [])
  const claims = all.filter(claim => !isOrdered(claim))
  if (claims.length === 0) return { planned: [], inHand: [], outcomes }
  const read = await readUnordered(claims, deps)
  return { ...read, outcomes: [...outcomes, ...read.outcomes] }
}

function isOrdered (claim: Claim): claim is Claim & { readonly standing: NonNullable<Claim['standing']> } {
  return claim.standing !== undefined && claim.standing !== null
}

async function readUnordered (claims: readonly Claim[], deps: ReadDeps): Promise<ReadResult> {
  const { route } = deps
  const portal = claims[0]?.portal ?? ''
  const client = deps.lanes.client(portal)
  const all = (end: (claim: Claim) => Outcome): ReadResult => ({ planned: [], inHand: [], outcomes: claims.map(end) })
  if (route === undefined) return all(claim => unrouted(claim, deps.epoch))
  if (client === undefined) return all(claim => waitAgain(claim, { delayMs: 60_000, reason: 'no_client' }))
  const nowMs = now()
  const read = await readDeals(client, claims.map(c => c.dealId), deps.signal).catch((error: unknown) => messageOf(error))
  if (typeof read === 'string') return all(claim => waitAgain(claim, { delayMs: 1000, reason: 'stopping' }))
  const refuse = (failure: Failure): ReadResult => {
    if (failure.class === 'portal') deps.lanes.stop(portal, failure)
    return all(claim => failed(claim, failure, deps.epoch))
  }
  if (read.kind === 'failed') return refuse(read.failure)
  const made = await Promise.all(claims.map(claim => decideFirst(claim, read.deals.get(claim.dealId), { route, epoch: deps.epoch, nowMs, beganAt: read.beganAt })))
  const waiting = made.flatMap(each => 'refs' in each ? [each] : [])
  const records = await readNeeded(client, waiting, { route, signal: deps.signal }).catch((error: unknown) => messageOf(error))
  if (typeof records === 'string') return all(claim => waitAgain(claim, { delayMs: 1000, reason: 'stopping' }))
  if (records.kind === 'failed') return refuse(records.failure)
  return {
    planned: made.flatMap(each => 'write' in each ? [each] : []),
    outcomes: made.flatMap(each => 'settlement' in each ? [each] : []),
    inHand: records.deals
  }
}

interface NeedsRecords extends Omit<DealInHand, 'needs' | 'links' | 'on'> { readonly refs: readonly RecordRef[] }

/** Decides as far as the deal alone says: whether it is written at all does not depend on its records. */
async function decideFirst (claim: Claim, source: SourceRead | undefined, reading: Reading): Promise<Planned | Outcome | NeedsRecords> {
  if (source === undefined) return waitAgain(claim, { delayMs: 1000, reason: 'not_in_answer' })
  const { route, epoch, nowMs, beganAt } = reading
  const read = { source, beganAt, nowMs }
  try {
    const plan = await makePlan(claim, { ...read, links: [] }, route)
    const refs = source.kind === 'found' && plan.kind === 'decided' && !['skip', 'park', 'delete'].includes(plan.decision.kind) ? recordsOf(route.mapping, source.deal) : []
    if (refs.length > 0 && plan.kind === 'decided') return { claim, read, route, refs, state: plan.state, version: plan.version }
    return await decideFully({ claim, read, route }, [], epoch)
  } catch (error) {
    // A mistake of ours over one deal must not strand its claim, nor those of the deals read with it.
    return failed(claim, { class: 'transient', code: 'internal', detail: messageOf(error) }, epoch)
  }
}

/** Decides for a deal whose records stand in the target as `links` say. */
export async function decideFully ({ claim, read, route }: Pick<DealInHand, 'claim' | 'read' | 'route'>, links: readonly CarriedLink[], epoch: number): Promise<Planned | Outcome> {
  const plan = await makePlan(claim, { ...read, links }, route)
  if (plan.kind === 'again') return waitAgain(claim, { delayMs: plan.delayMs, reason: plan.reason })
  const { decision, state, version, fieldsHash } = plan
  const mappingVersion = route.mapping.version
  if (decision.kind === 'unchanged' || decision.kind === 'skip' || decision.kind === 'park') return settledByDecision(claim, { decision, state, version, mappingVersion, carried: links }, epoch)
  const originId = `${claim.portal}:${claim.dealId}`
  const write = decision.kind === 'delete' ? decision : { ...decision, originId }
  // A deal that is gone has no version of its own; it is newer than every state it had.
  return { claim, write, state, version: version ?? claim.known ?? { modifiedAt: 0, hash: '' }, fieldsHash, mappingVersion, startedAt: read.nowMs, carried: links }
}

/** Reads the records that deals name, in one request for all of them; a deal goes without those that the portal does not show. */
async function readNeeded (client: PortalClient, deals: readonly NeedsRecords[], deps: { route: PreparedRoute, signal: AbortSignal }): Promise<{ kind: 'read', deals: DealInHand[] } | { kind: 'failed', failure: Failure }> {
  const refs = new Map(deals.flatMap(deal => deal.refs.map(ref => [refKey(ref), ref])))
  const read = await readRecords(client, [...refs.values()], deps.signal)
  if (read.kind === 'failed') return read
  const wanted = new Map<string, RecordNeed | CarriedLink>()
  for (const ref of refs.values()) {
    const record = read.records.get(refKey(ref))
    const rule = ruleOf(deps.route.mapping, ref.kind)
    if (record === undefined || rule === null) continue
    const own = comesFrom(deals[0]?.claim.target ?? '', record.fields)
    const fields = mapRecord(rule, record.fields)
    wanted.set(refKey(ref), own === null ? { ...ref, portal: client.name, fields, hash: hashOf(fields), matches: matchesOf(rule, fields), version: versionOf(record.fields), beganAt: read.beganAt } : { ...ref, targetId: own })
  }
  return {
    kind: 'read',
    deals: deals.map(({ refs: own, ...deal }) => {
      const found = own.flatMap(ref => wanted.get(refKey(ref)) ?? [])
      return {
        ...deal, on: new Set<string>(), needs: found.flatMap(each => 'hash' in each ? [each] : []),
        links: found.map(each => 'hash' in each ? { kind: each.kind, sourceId: each.sourceId } : each)
      }
    })
  }
}
