import type { Chance } from '../support/chance.ts'
import { createCompanions } from './companions.ts'
import { SOURCES } from './names.ts'
import type { Operators } from './operators.ts'
import type { Strangers } from './strangers.ts'
import type { RigSystem } from './system.ts'

/** People in the source portals: what they do and to which deal is the seed's doing, when is the clock's. */
export interface Driver {
  /** Works until `until` (ms of the epoch), at `perSecond` saves; resolves when the orders of operators are given, too, or given up. */
  work (until: number, perSecond: number): Promise<void>
  /** Makes a deal in each source portal and gives their keys. */
  probe (): string[]
  readonly saves: () => number
}

interface Known { readonly portal: string, readonly id: number, version: number }

const MAPPED = ['C1:NEW', 'C1:PREPARATION', 'C1:EXECUTING', 'C1:FINAL_INVOICE', 'C1:WON']
const UNMAPPED = 'C1:APOLOGY'
// Shares of what is done; the rest is a change of title and amount.
const SHARE = { create: 0.25, move: 0.15, bind: 0.05, record: 0.08, park: 0.03, remove: 0.03 }
// How often beside a save an operator gives an order, and a stranger sends a webhook.
const ASIDE = { operator: 0.05, stranger: 0.05 }

export function createDriver (system: RigSystem, { chance, operators, strangers }: { chance: Chance, operators: Operators, strangers: Strangers }): Driver {
  const deals: Known[] = []
  const companions = createCompanions(system, chance)
  let saves = 0

  function create (portal: string): Known {
    const fields = { TITLE: `Deal ${saves}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: saves, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB', UF_CRM_SOURCE_ID: `p${saves}`, UF_CRM_CONTRACT: 'v1', ...companions.choose(portal) }
    const known = { portal, id: system.simulator.portal(portal).create(fields), version: 1 }
    deals.unshift(known)
    saves += 1
    return known
  }

  function act (): void {
    const dice = chance.next()
    if (dice < SHARE.create || deals.length < 5) { create(chance.pick(SOURCES)); return }
    if (dice < SHARE.create + SHARE.record) { companions.change(chance.pick(SOURCES)); return }
    const deal = deals[chance.zipf(deals.length)]
    if (deal === undefined) return
    const portal = system.simulator.portal(deal.portal)
    if (portal.deal(deal.id) === undefined) { deals.splice(deals.indexOf(deal), 1); return }
    saves += 1
    if (dice > 1 - SHARE.remove) { portal.remove(deal.id); deals.splice(deals.indexOf(deal), 1); return }
    deal.version += 1
    const version = { UF_CRM_CONTRACT: `v${deal.version}` }
    if (dice > 1 - SHARE.remove - SHARE.park) portal.update(deal.id, { ...version, STAGE_ID: UNMAPPED })
    else if (dice < SHARE.create + SHARE.record + SHARE.move) portal.update(deal.id, { ...version, STAGE_ID: chance.pick(MAPPED) })
    else if (dice < SHARE.create + SHARE.record + SHARE.move + SHARE.bind) portal.update(deal.id, { ...version, ...companions.choose(deal.portal) })
    else portal.update(deal.id, { ...version, TITLE: `Deal ${deal.id} at ${saves}`, OPPORTUNITY: saves })
  }

  return {
    saves: () => saves,
    probe: () => SOURCES.map((portal) => { const { id } = create(portal); return `${portal}:${id}` }),
    async work (until, perSecond) {
      const asides: Promise<void>[] = []
      while (Date.now() < until) {
        act()
        if (chance.isTrue(ASIDE.operator)) asides.push(operators.act())
        if (chance.isTrue(ASIDE.stranger)) asides.push(strangers.act(chance))
        await new Promise(resolve => setTimeout(resolve, chance.between(0.5, 1.5) * 1000 / perSecond))
      }
      await Promise.all(asides)
    }
  }
}
