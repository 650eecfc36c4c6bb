import type { World } from './world.ts'

/** Where the query API answers, and a key for it. */
export type QueryDoor = Pick<World, 'query' | 'key'>

export interface Summary { readonly signals: number, readonly open: number, readonly ends: Readonly<Record<string, number>>, readonly deferred: number, readonly unknown: number }
interface DealRow { readonly portal: string, readonly deal_id: number, readonly target_deal_id: number | null, readonly state: string, readonly title: string | null, readonly stage: string | null, readonly seconds_to_land: number | null }

export async function readSummary (world: QueryDoor): Promise<Summary> {
  return await get(world, '/v1/summary') as Summary
}

export async function readDeals (world: QueryDoor, limit: number): Promise<DealRow[]> {
  return (await get(world, `/v1/deals?limit=${limit}`) as { items: DealRow[] }).items
}

/** How many deals stand landed now, however many there are. */
export async function countLanded (world: QueryDoor): Promise<number> {
  let [count, cursor] = [0, '']
  for (;;) {
    const page = await get(world, `/v1/deals?state=landed&limit=500${cursor}`) as { items: DealRow[], cursor: string | null }
    count += page.items.length
    if (page.cursor === null) return count
    cursor = `&cursor=${encodeURIComponent(page.cursor)}`
  }
}

async function get (world: QueryDoor, path: string): Promise<unknown> {
  const response = await fetch(world.query + path, { headers: { 'x-api-key': world.key } })
  if (!response.ok) throw new Error(`query answered ${response.status} to ${path}`)
  return await response.json()
}

/** What goes on, in one line. */
export function sentence (summary: Summary, deals: readonly DealRow[]): string {
  return `${counts(summary)}   ${speed(deals)}`
}

/** What goes on, as at most `rows` lines that say all in 80 columns; wider terminals show whole titles. */
export function picture (summary: Summary, deals: readonly DealRow[], rows: number): string[] {
  const head = [counts(summary), speed(deals), '', row(['portal', 'deal', 'copy', 'state', 'stage', 'title'])]
  const shown = deals.slice(0, Math.max(0, rows - head.length))
  return [...head, ...shown.map(d => row([d.portal, String(d.deal_id), String(d.target_deal_id ?? '–'), d.state, d.stage ?? '', d.title ?? '']))]
}

function counts ({ signals, open, ends }: Summary): string {
  const landed = (ends['applied'] ?? 0) + (ends['unchanged'] ?? 0) + (ends['superseded'] ?? 0)
  return `arrived ${signals}   landed ${landed}   waits ${open}   skipped ${ends['skipped'] ?? 0}   parked ${ends['parked'] ?? 0}`
}

function speed (deals: readonly DealRow[]): string {
  const times = deals.flatMap(d => d.seconds_to_land === null ? [] : [Number(d.seconds_to_land)]).toSorted((a, b) => a - b)
  const median = times[Math.floor(times.length / 2)]
  return `median time to land ${median === undefined ? '–' : `${Math.round(median * 1000)} ms`}`
}

const WIDTHS = [6, 6, 6, 8, 21, 0]

function row (cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join('  ')
}
