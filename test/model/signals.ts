import { snapshotOf } from '../../src/bitrix24/fields.ts'
import { versionOf } from '../../src/bitrix24/version.ts'
import { signalOf } from '../../src/eventlog/contract.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { UNKNOWN_DEAL, compare } from '../../src/sweep/compare.ts'
import type { Standing, Verdict } from '../../src/sweep/compare.ts'
import { noteSignalled, readStandings } from '../../src/sweep/sql/standing.ts'
import { DEALS, PORTAL } from './facts.ts'
import type { Facts } from './facts.ts'

/** How changes of the source become signals: by webhooks, which may be lost or doubled, and by a sweep with the product's own comparison. */
export interface Signals {
  /** Webhooks on their way, by deal. */
  readonly hooks: string[]
  deliver (): Promise<void>
  sweep (): Promise<void>
  /** Whether a sweep would find nothing. */
  isInStep (): Promise<boolean>
}

export function createSignals (facts: Facts, log: EventLog): Signals {
  const { stage, time, chance, source, say } = facts
  const hooks: string[] = []

  async function signal (dealId: string, channel: 'webhook' | 'sweep'): Promise<void> {
    const { offset } = await time.as(null, () => log.append(signalOf(dealId, { portal: PORTAL, channel, receivedAt: time.nowMs() })))
    facts.signals.set(dealId, (facts.signals.get(dealId) ?? 0) + 1)
    if (channel === 'sweep') await noteSignalled(stage.admin, PORTAL, [{ dealId, offset, backfill: false }])
    say(`${channel}: ${dealId} may have changed`)
  }

  async function verdicts (): Promise<Map<string, Verdict>> {
    const standings = await readStandings(stage.admin, PORTAL, DEALS)
    return new Map(DEALS.filter(id => (source.deals.get(id) ?? []).length > 0).map((id) => {
      const standing = standings.get(id) ?? UNKNOWN_DEAL
      const seen = facts.bug.sweepComparesWithTransferred === true ? { ...standing, ended: transferred(facts, id) } : standing
      return [id, compare(versionOf(snapshotOf({ ...source.item(id, source.current(id)), id })), seen)]
    }))
  }

  return {
    hooks,
    async deliver () {
      const [dealId] = hooks.splice(chance.below(hooks.length), 1) as [string]
      if (facts.has('loss') && chance.isTrue(0.3)) { facts.take('loss'); say(`a webhook of ${dealId} is lost`); return }
      if (facts.has('dup') && chance.isTrue(0.5)) { facts.take('dup'); hooks.push(dealId) }
      await signal(dealId, 'webhook')
    },
    async sweep () {
      for (const [dealId, verdict] of await verdicts()) if (verdict === 'signal') await signal(dealId, 'sweep')
    },
    isInStep: async () => [...(await verdicts()).values()].every(verdict => verdict === 'same' || verdict === 'older')
  }
}

/** The version of the last transfer: what a sweep must not compare with. */
function transferred ({ events }: Facts, dealId: string): Standing['ended'] {
  const last = events.get(dealId)?.findLast(event => event.type === 'TransferSucceeded')
  return last?.type !== 'TransferSucceeded' || last.sourceModifiedAt === null ? null : { modifiedAt: last.sourceModifiedAt, hash: last.sourceHash }
}
