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

/** A calm picture of what goes on, as lines of text. */
export function picture (summary: Summary, deals: readonly DealRow[]): string[] {
  const times = deals.flatMap(d => d.seconds_to_land === null ? [] : [Number(d.seconds_to_land)]).toSorted((a, b) => a - b)
  const median = times[Math.floor(times.length / 2)]
  const ends = summary.ends
  return [
    `arrived ${summary.signals}   landed ${(ends['applied'] ?? 0) + (ends['unchanged'] ?? 0) + (ends['superseded'] ?? 0)}   waits ${summary.open}   skipped ${ends['skipped'] ?? 0}   parked ${ends['parked'] ?? 0}   median time to land ${median === undefined ? '–' : `${Math.round(median * 1000)} ms`}`,
    '',
    ...deals.slice(0, 12).map(d => `${d.portal.padEnd(5)} ${String(d.deal_id).padEnd(7)} → ${String(d.target_deal_id ?? '').padEnd(7)} ${d.state.padEnd(9)} ${(d.stage ?? '').padEnd(22)} ${(d.title ?? '').slice(0, 34)}`)
  ]
}
