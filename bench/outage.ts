// What happens when the target comes back after an outage in which a change arrived every 100 ms. MODE says how it is away: `refuse`
// (no connection), `freeze` (connections and no answers), `502` (a gateway's page) or `503` (the portal refuses every request for its
// rate); OUTAGE_SECONDS how long. Prints one JSON object: the time from the end to the first write that began after it, requests in
// each of the ten seconds behind the end, and the calls made while the target was away. The reference is a lone change before the outage.
import os from 'node:os'
import { doubledAdds } from '../simulator/oracle.ts'
import { startFaultProxy } from '../test/rig/fault-proxy.ts'
import { eventually } from '../test/support/eventually.ts'
import { sendOnce } from '../test/support/sender.ts'
import { freePort } from '../test/support/ports.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'
import { round } from './figures.ts'

const MODE = process.env['MODE'] ?? 'refuse'
const OUTAGE_SECONDS = Number(process.env['OUTAGE_SECONDS'] ?? '60')
const EVERY_MS = 100
const WATCHED_SECONDS = 10
const BUDGET = { per_second: 2, burst: 50 }
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const portal = { latency_ms: 50, limits: { ...BUDGET, operating_seconds: 480 } }

try {
  const [port, door] = [await freePort(), await freePort()]
  const proxy = await startFaultProxy({ target: port, listen: door })
  endings.push(() => proxy.close())
  const system = await startSystem(holder, { source: portal, target: { ...portal, port }, targetDoor: door })
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  acme.setWebhooks([])
  await system.run('ingest', 'projector', 'query', 'dispatcher')

  const away: Record<string, { begin: () => unknown, end: () => unknown }> = {
    refuse: { begin: async () => { await proxy.set({ kind: 'refuse' }); proxy.cut('rst') }, end: () => proxy.heal() },
    freeze: { begin: () => main.freeze(), end: () => main.thaw() },
    502: { begin: () => main.fault({ where: 'answer', mode: '502' }), end: () => main.clearFaults() },
    503: { begin: () => main.fault({ where: 'answer', mode: '503' }), end: () => main.clearFaults() }
  }
  const outage = away[MODE]
  if (outage === undefined) throw new Error(`MODE is one of ${Object.keys(away).join(', ')}`)

  let made = 0
  const change = async (): Promise<void> => {
    made += 1
    const id = acme.create({ TITLE: `Deal ${made}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: 1, CURRENCY_ID: 'RUB' })
    if (!await sendOnce(system.ingest, 'acme', id)) throw new Error('a webhook was refused')
  }
  const landed = (): boolean => main.deals().length >= made
  const waitMs = async (ms: number): Promise<void> => {
    const from = performance.now()
    await eventually(() => performance.now() - from >= ms, { deadlineMs: Infinity, everyMs: 10 })
  }

  // The first waits for the portals' budgets, of which nothing is known, and is no measure.
  const lone: number[] = []
  for (let i = 0; i < 8; i += 1) {
    const begun = performance.now()
    await change()
    await eventually(landed, { deadlineMs: 60_000, everyMs: 5 })
    if (i > 0) lone.push(performance.now() - begun)
    await waitMs(2000)
  }
  const [before, callsBefore] = [made, await calls(system.admin + 2)]
  await outage.begin()
  const from = performance.now()
  for (let i = 0; performance.now() - from < OUTAGE_SECONDS * 1000; i += 1) {
    await change()
    await waitMs(Math.max(0, from + (i + 1) * EVERY_MS - performance.now()))
  }
  const [callsAfter, last, stats, endedAt, landedAway] = [await calls(system.admin + 2), main.journal().at(-1)?.seq ?? 0, main.stats(), Date.now(), main.deals().length - before]
  await outage.end()

  // A write that hung in the outage and is done at its end is no sign of a new one.
  const first = await eventually(() => {
    const since = main.journal(last)
    const begun = new Set(since.filter(entry => entry.kind === 'received').map(entry => entry.request))
    return since.find(entry => entry.kind === 'applied' && begun.has(entry.request))
  }, { deadlineMs: 400_000, everyMs: 20 })
  await eventually(() => Date.now() - endedAt > WATCHED_SECONDS * 1000 && Date.now() - first.at > WATCHED_SECONDS * 1000, { deadlineMs: 30_000, everyMs: 100 })
  await eventually(landed, { deadlineMs: 400_000, everyMs: 50 })
  const landedAt = Date.now()
  const requests = main.journal(last).filter(entry => entry.kind === 'received')
  const bySecond = (start: number): number[] => Array.from({ length: WATCHED_SECONDS }, (_, i) => requests.filter(({ at }) => at >= start + i * 1000 && at < start + (i + 1) * 1000).length)
  const summary = await system.settled(made, 120_000)
  const loneMs = lone.toSorted((a, b) => a - b)[Math.floor(lone.length / 2)] ?? NaN
  process.stdout.write(`${JSON.stringify({
    bench: 'outage', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, load: os.loadavg()[0], mode: MODE, outageSeconds: OUTAGE_SECONDS, changes: made - before, landedWhileAway: landedAway,
    loneMedianMs: round(loneMs), firstSuccessMs: first.at - endedAt, ratioOfFirstSuccess: round((first.at - endedAt) / loneMs), backlogLandedMs: landedAt - endedAt,
    requestsAfterEnd: bySecond(endedAt), requestsAfterFirst: bySecond(first.at), mostByBudget: BUDGET.burst + BUDGET.per_second * WATCHED_SECONDS,
    highestLevel: Math.max(0, ...main.journal(last).map(entry => entry.level ?? 0)), refused: main.stats().refused - stats.refused, throttled: main.stats().throttled - stats.throttled,
    callsWhileAway: difference(callsBefore, callsAfter), ends: summary.ends, doubled: doubledAdds(main.journal()).length
  })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()

/** Calls of the dispatcher to the target so far, by method and outcome. */
async function calls (admin: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
  return new Map([...text.matchAll(/^api_request_duration_seconds_count\{(.*portal="main".*)\} (\d+)$/gm)].map(([, labels = '', count]) => {
    const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
    return [`${label('method')} ${label('outcome')}`, Number(count)]
  }))
}

function difference (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const).filter(([, count]) => count > 0))
}
