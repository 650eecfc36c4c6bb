import type { World } from './world.ts'

/** People in two partners' portals: they open deals, change sums, move stages and now and then delete one. */
export interface People {
  /** One person does one thing. */
  act (): Promise<void>
  create (): Promise<void>
}

const GOODS = ['Pumps', 'Насосы', 'Valves', 'Кабель', 'Sensors', 'Станки', 'Filters', 'Трубы']
const STAGES = ['C1:NEW', 'C1:PREPARATION', 'C1:PREPAYMENT_INVOICE', 'C1:EXECUTING', 'C1:FINAL_INVOICE', 'C1:WON', 'C1:LOSE']

/** `control` is the address of the simulator's control door; `chance` gives numbers from 0 to below 1. */
export function createPeople (world: Pick<World, 'control'>, chance: () => number): People {
  const deals: { portal: string, id: string, stage: number }[] = []
  const pick = <T>(items: readonly T[]): T => items[Math.floor(chance() * items.length)] as T

  async function create (): Promise<void> {
    const portal = pick(['acme', 'beta'])
    const made = await control(world, `/portals/${portal}/create`, {
      fields: { TITLE: `${pick(GOODS)} № ${Math.floor(chance() * 9000) + 1000}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: Math.floor(chance() * 900_000) + 10_000, CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: `A-${Math.floor(chance() * 900)}` }
    }) as { id: string | number }
    deals.push({ portal, id: String(made.id), stage: 0 })
  }

  async function act (): Promise<void> {
    const dice = chance()
    const deal = deals.length > 0 ? pick(deals) : undefined
    if (deal === undefined || dice < 0.35) return await create()
    if (dice < 0.65) return void await control(world, `/portals/${deal.portal}/update`, { id: deal.id, fields: { OPPORTUNITY: Math.floor(chance() * 900_000) + 10_000 } })
    if (dice < 0.96) {
      deal.stage = Math.min(deal.stage + 1, STAGES.length - 1)
      return void await control(world, `/portals/${deal.portal}/move`, { id: deal.id, stage: STAGES[deal.stage] })
    }
    deals.splice(deals.indexOf(deal), 1)
    await control(world, `/portals/${deal.portal}/delete`, { id: deal.id })
  }
  return { act, create }
}

async function control (world: Pick<World, 'control'>, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(world.control + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`the simulator refused ${path}: ${await response.text()}`)
  return await response.json()
}
