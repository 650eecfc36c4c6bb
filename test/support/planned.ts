import { now } from '../../src/platform/clock.ts'
import type { Planned } from '../../src/dispatcher/work.ts'

let attempts = 0

/** A deal whose write is decided: a create, or with `link` an update; each is another deal of its portal. */
export function planned (title: string, more: { stage?: string, link?: string, portal?: string } = {}): Planned {
  attempts += 1
  const { portal = 'acme' } = more
  const claim = {
    portal, dealId: String(attempts), target: 'main', lane: 'live' as const, attemptId: `attempt-${attempts}`, attemptNo: 1, coveredOffset: 0n, coveredCount: 1, signalledAt: 0,
    correlationId: 'c', causationId: null, tries: 0, link: more.link ?? null, writtenHash: null, known: null
  }
  const fields = { TITLE: title, STAGE_ID: more.stage ?? 'NEW', CATEGORY_ID: 0 }
  const originId = `${portal}:${attempts}`
  return {
    claim, write: more.link === undefined ? { kind: 'create', fields, createdOnly: {}, originId } : { kind: 'update', link: more.link, fields, originId },
    state: { snapshot: '{}', sourceModifiedAt: 1, sourceHash: 'h', title, stage: '' }, version: { modifiedAt: 1, hash: 'h' }, fieldsHash: 'fh', mappingVersion: 1, startedAt: now()
  }
}
