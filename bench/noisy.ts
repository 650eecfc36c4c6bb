// How soon the changes of nineteen source portals land while a twentieth makes a hundred times the changes of each of them, at portals
// with 50 ms latency and the real limits. Each of the nineteen makes one change in 8 s, the noisy one 12.5 a second. Prints one JSON
// object; the reference is the same nineteen while the noisy one is silent. SECONDS is the length of each of the two runs.
import os from 'node:os'
import { eventually } from '../test/support/eventually.ts'
import { sendOnce } from '../test/support/sender.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'
import { at, round, shares } from './figures.ts'

const SECONDS = Number(process.env['SECONDS'] ?? '120')
const QUIET_MS = 8000
const TIMES = 100
const NOISY = 'noisy'
const QUIET = Array.from({ length: 19 }, (_, i) => `quiet-${i + 1}`)
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const portal = { latency_ms: 50, limits: { per_second: 2, burst: 50, operating_seconds: 480 } }

try {
  const system = await startSystem(holder, { sources: [NOISY, ...QUIET], source: portal, target: portal })
  const main = system.simulator.portal('main')
  for (const name of [NOISY, ...QUIET]) system.simulator.portal(name).setWebhooks([])
  await system.run('ingest', 'projector', 'query', 'dispatcher')
  const landed = new Map<unknown, number>()
  let seen = 0
  const look = setInterval(() => {
    const deals = main.deals()
    for (; seen < deals.length; seen += 1) landed.set(deals[seen]?.['ORIGIN_ID'], performance.now())
  }, 10)

  /** A deal that comes to be, and its webhook; gives its name and when it was. */
  const change = async (from: string): Promise<{ name: string, begun: number }> => {
    const begun = performance.now()
    const id = system.simulator.portal(from).create({ TITLE: from, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: 1, CURRENCY_ID: 'RUB' })
    if (!await sendOnce(system.ingest, from, id)) throw new Error('a webhook was refused')
    return { name: `${from}:${id}`, begun }
  }
  /** Changes of each of `portals` every `everyMs`, spread evenly, until `until`; the times from each to its landing, in ms. */
  const changes = async (portals: readonly string[], everyMs: number, until: number): Promise<number[]> => {
    const made: Promise<{ name: string, begun: number }>[] = []
    const [from, gap] = [performance.now(), everyMs / portals.length]
    await eventually(() => {
      const now = performance.now()
      while (from + made.length * gap <= Math.min(now, until)) made.push(change(portals[made.length % portals.length] ?? ''))
      return now >= until
    }, { deadlineMs: Infinity, everyMs: 5 })
    const all = await Promise.all(made)
    await eventually(() => all.every(({ name }) => landed.has(name)), { deadlineMs: 120_000, everyMs: 50 })
    return all.map(({ name, begun }) => (landed.get(name) ?? NaN) - begun).toSorted((a, b) => a - b)
  }

  // Before the first answer of a portal its budget counts as spent; what waits for that is no measure.
  await changes([NOISY, ...QUIET], 10_000, performance.now() + 20_000)
  const quiet = await changes(QUIET, QUIET_MS, performance.now() + SECONDS * 1000)
  const [before, from] = [landed.size, performance.now()]
  const [during, noisy] = await Promise.all([changes(QUIET, QUIET_MS, from + SECONDS * 1000), changes([NOISY], QUIET_MS / TIMES, from + SECONDS * 1000)])
  const writesPerSecond = (landed.size - before) / (performance.now() - from) * 1000
  clearInterval(look)
  process.stdout.write(`${JSON.stringify({
    bench: 'noisy', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, load: os.loadavg()[0], portals: 1 + QUIET.length, seconds: SECONDS,
    quiet: shares(quiet), during: shares(during), noisy: shares(noisy), ratioOfP95: round(at(during, 0.95) / at(quiet, 0.95)), writesPerSecond: round(writesPerSecond),
    refused: main.stats().refused, throttled: main.stats().throttled, refusedBySources: [NOISY, ...QUIET].reduce((sum, name) => sum + system.simulator.portal(name).stats().refused, 0)
  })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()
