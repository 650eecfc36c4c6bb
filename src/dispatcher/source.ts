import { readDeals } from '../bitrix24/read.ts'
import { now } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import { failed, ordered, settledByDecision, unrouted, waitAgain } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { makePlan } from './plan.ts'
import type { PreparedRoute } from './plan.ts'
import type { PortalLanes } from './portals.ts'
import type { Claim, Planned } from './work.ts'

/** What came of claims of one source portal: deals to write, and outcomes that need no write. */
export interface ReadResult { readonly planned: readonly Planned[], readonly outcomes: readonly Outcome[] }

/** Reads claimed deals of one portal back from it and decides for each; what an operator ordered is not read. Never throws: every claim comes out. */
export async function readAndDecide (all: readonly Claim[], deps: { lanes: PortalLanes, route: PreparedRoute | undefined, epoch: number, signal: AbortSignal }): Promise<ReadResult> {
  const outcomes = all.flatMap(claim => isOrdered(claim) ? [ordered(claim, claim.standing, deps.epoch)] : [])
  const claims = all.filter(claim => !isOrdered(claim))
  if (claims.length === 0) return { planned: [], outcomes }
  const read = await readUnordered(claims, deps)
  return { planned: read.planned, outcomes: [...outcomes, ...read.outcomes] }
}

function isOrdered (claim: Claim): claim is Claim & { readonly standing: NonNullable<Claim['standing']> } {
  return claim.standing !== undefined && claim.standing !== null
}

async function readUnordered (claims: readonly Claim[], deps: Parameters<typeof readAndDecide>[1]): Promise<ReadResult> {
  const portal = claims[0]?.portal ?? ''
  const client = deps.lanes.client(portal)
  if (deps.route === undefined) return { planned: [], outcomes: claims.map(claim => unrouted(claim, deps.epoch)) }
  if (client === undefined) return { planned: [], outcomes: claims.map(claim => waitAgain(claim, { delayMs: 60_000, reason: 'no_client' })) }
  const startedAt = now()
  const read = await readDeals(client, claims.map(c => c.dealId), deps.signal).catch((error: unknown) => messageOf(error))
  if (typeof read === 'string') return { planned: [], outcomes: claims.map(claim => waitAgain(claim, { delayMs: 1000, reason: 'stopping' })) }
  if (read.kind === 'failed') {
    if (read.failure.class === 'portal') deps.lanes.stop(portal, read.failure)
    return { planned: [], outcomes: claims.map(claim => failed(claim, read.failure, deps.epoch)) }
  }
  const planned: Planned[] = []
  const outcomes: Outcome[] = []
  for (const claim of claims) {
    const source = read.deals.get(claim.dealId)
    if (source === undefined) { outcomes.push(waitAgain(claim, { delayMs: 1000, reason: 'not_in_answer' })); continue }
    const result = await decideOne(claim, { source, beganAt: read.beganAt, nowMs: startedAt }, { route: deps.route, epoch: deps.epoch })
      // A mistake of ours over one deal must not strand its claim, nor those of the deals read with it.
      .catch((error: unknown) => failed(claim, { class: 'transient', code: 'internal', detail: messageOf(error) }, deps.epoch))
    if ('settlement' in result) outcomes.push(result)
    else planned.push(result)
  }
  return { planned, outcomes }
}

async function decideOne (claim: Claim, read: Parameters<typeof makePlan>[1], deps: { route: PreparedRoute, epoch: number }): Promise<Planned | Outcome> {
  const { route, epoch } = deps
  const plan = await makePlan(claim, read, route)
  if (plan.kind === 'again') return waitAgain(claim, { delayMs: plan.delayMs, reason: plan.reason })
  const { decision, state, version, fieldsHash } = plan
  const mappingVersion = route.mapping.version
  if (decision.kind === 'unchanged' || decision.kind === 'skip' || decision.kind === 'park') return settledByDecision(claim, { decision, state, version, mappingVersion }, epoch)
  const originId = `${claim.portal}:${claim.dealId}`
  const write = decision.kind === 'delete' ? decision : { ...decision, originId }
  // A deal that is gone has no version of its own; it is newer than every state it had.
  return { claim, write, state, version: version ?? claim.known ?? { modifiedAt: 0, hash: '' }, fieldsHash, mappingVersion, startedAt: read.nowMs }
}
