import { superseded } from '../../src/dispatcher/outcome.ts'
import { claimDue } from '../../src/dispatcher/sql/claim.ts'
import type { WorldBug } from './facts.ts'

/** A rule taken away: the properties that may break then, and the scenario in which it is seen, by the first seeds from `seed` on. */
export interface PlantedBug { readonly name: string, readonly scenario: string, readonly breaks: readonly string[], readonly seed: number, readonly bug: WorldBug }

/** Rewrites the one statement that holds `from`; the planted bug below it fails as "not caught" when no statement does any more. */
const sql = (from: string, to: string): WorldBug => ({ sql: text => text.includes(from) ? text.replaceAll(from, to) : null })

const both = (one: WorldBug, other: WorldBug): WorldBug => ({ ...one, ...other, sql: text => one.sql?.(text) ?? other.sql?.(text) ?? null })

const NOT_OWNED = sql('and exists (select from dispatch.lease l where l.target = $1 and l.epoch = $2 and l.expires_at > now())', '')

/** Each defect of the protocol that these plays must find, by the name of its rule in the model. */
export const BUGS: readonly PlantedBug[] = [
  { name: 'covered offset off by one', scenario: 'changes', breaks: ['P2', 'P4'], seed: 1, bug: { parts: { claimDue: async (db, wanted) => (await claimDue(db, wanted)).map(claim => ({ ...claim, coveredOffset: claim.coveredOffset + 1n, coveredCount: claim.coveredCount + 1 })) } } },
  { name: 'dirty bit ignored: an end clears what came meanwhile', scenario: 'no-sweep', breaks: ['P2', 'P4'], seed: 2, bug: sql('case when w.last_offset > s.covered_offset or w.dirty then \'waiting\' else s.status end', 's.status') },
  { name: 'a claim of a dead owner is never taken again', scenario: 'crash-create', breaks: ['P2'], seed: 1, bug: sql('where target = $1 and status = \'claimed\' and claim_epoch < $2', 'where $1 = \'\' and $2 < 0') },
  { name: 'look-up before a create omitted', scenario: 'error-create', breaks: ['P1'], seed: 5, bug: { parts: { mustLookUp: () => false } } },
  { name: 'intent after the call', scenario: 'crash-create', breaks: ['P1', 'P3', 'P4'], seed: 3, bug: { parts: { commitIntents: (_db, { planned }) => Promise.resolve(new Set(planned.map(each => each.claim.attemptId))) } } },
  { name: 'epoch unchecked, at the intent and before the write', scenario: 'takeover-create', breaks: ['P1', 'P3', 'P4', 'P5'], seed: 24, bug: both(NOT_OWNED, { ignoresDeadline: true }) },
  { name: 'an unknown outcome is not waited for', scenario: 'create', breaks: ['P1', 'P3', 'P4'], seed: 12, bug: { unknownWaitMs: 0 } },
  { name: 'an unknown outcome is done again without a look-up', scenario: 'update', breaks: ['P4'], seed: 1, bug: { parts: { lookUpUnknown: (_client, planned, { epoch }) => Promise.resolve({ outcomes: planned.map(each => superseded(each, { reason: 'attempt_lost', link: each.write.kind === 'create' ? null : each.write.link }, epoch)), undecided: [] }) } } },
  { name: 'last written hash kept at the intent', scenario: 'error-update', breaks: ['P6'], seed: 10, bug: sql('link = coalesce(i.link, w.link), written_hash = null', 'link = coalesce(i.link, w.link)') },
  { name: 'a lagging read believed', scenario: 'lag', breaks: ['P3'], seed: 8, bug: { parts: { claimDue: async (db, wanted) => (await claimDue(db, wanted)).map(claim => ({ ...claim, known: null })) } } },
  { name: 'a lagging read believed within its second', scenario: 'lag-error', breaks: ['P3'], seed: 1, bug: { parts: { claimDue: async (db, wanted) => (await claimDue(db, wanted)).map(claim => ({ ...claim, known: claim.known === null ? null : { ...claim.known, modifiedAt: claim.known.modifiedAt - 1 } })) } } },
  { name: 'the highest version is raised by a success alone, not by an attempt', scenario: 'lag-error', breaks: ['P3'], seed: 7, bug: sql('attempted_modified = greatest(w.attempted_modified, i.modified)', 'attempted_modified = w.attempted_modified') },
  { name: 'committed before it is appended: settled before it is told', scenario: 'crash-update', breaks: ['P2', 'P4', 'P7'], seed: 7, bug: { tellsLater: true } },
  { name: 'the sweep compares with the last transferred instead of the last ended version', scenario: 'park', breaks: ['P2'], seed: 1, bug: { sweepComparesWithTransferred: true } }
]
