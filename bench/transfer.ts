// How soon a change lands at a quiet portal, and how fast a backlog drains under the portal's own limit of 2 requests/s.
// DEALS, DISPATCHERS (processes that share the work) and QUIET (changes at a quiet portal) set its size. With RUNNING=1 the dispatchers
// run before the deals come, and know their budgets; without it they are started with the backlog there. Prints one JSON object. The reference of the backlog is the
// portal's ceiling: 50 writes in each of 2 requests a second. `steady` leaves out the first and the last tenth: at the beginning a
// budget of which nothing is known counts as full, and a bucket that was idle would give a burst above the ceiling.
import os from 'node:os'
import { eventually } from '../test/support/eventually.ts'
import { claimPorts } from '../test/support/ports.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder, Program } from '../test/support/system.ts'
import { at, round } from './figures.ts'

const BACKLOG = Number(process.env['DEALS'] ?? '5000')
const DISPATCHERS = Number(process.env['DISPATCHERS'] ?? '1')
const QUIET = Number(process.env['QUIET'] ?? '100')
const IS_RUNNING = process.env['RUNNING'] === '1'
const CEILING = 100
const LATENCY_MS = 50
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const limits = { per_second: 2, burst: 50, operating_seconds: 480 }

try {
  const system = await startSystem(holder, { source: { latency_ms: LATENCY_MS, limits }, target: { latency_ms: LATENCY_MS, limits } })
  const [acme, beta, main] = ['acme', 'beta', 'main'].map(name => system.simulator.portal(name))
  if (acme === undefined || beta === undefined || main === undefined) throw new Error('a portal is missing')
  await system.run('ingest', 'projector', 'query')
  const bases = await Promise.all(Array.from({ length: DISPATCHERS }, () => claimPorts()))
  const begin = (): Program[] => bases.map(base => system.beginMore(base, 'dispatcher'))
  const running = IS_RUNNING ? begin() : []
  await Promise.all(running.map(program => program.ready()))
  if (IS_RUNNING) await quietFor(20_000)
  const came = performance.now()
  for (let i = 0; i < BACKLOG; i += 1) (i % 2 === 0 ? acme : beta).create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' })
  await Promise.all([acme.idle(), beta.idle()])
  if (!IS_RUNNING) await eventually(async () => (await system.summary()).signals >= BACKLOG, { deadlineMs: 60_000 })
  const first = IS_RUNNING ? came : performance.now()
  const programs = IS_RUNNING ? running : begin()
  const marks: number[] = []
  await eventually(() => {
    const landed = main.deals().length
    for (const tenth of [1, 9]) if (marks[tenth] === undefined && landed >= BACKLOG * tenth / 10) marks[tenth] = performance.now()
    return landed >= BACKLOG
  }, { deadlineMs: 300_000 })
  const seconds = (performance.now() - first) / 1000
  const steady = BACKLOG * 0.8 / (((marks[9] ?? 0) - (marks[1] ?? 0)) / 1000)
  await Promise.all(programs.map(program => program.ready()))
  const backlog = { deals: BACKLOG, dispatchers: DISPATCHERS, wereRunning: IS_RUNNING, seconds: round(seconds), writesPerSecond: round(BACKLOG / seconds), ofCeiling: round(BACKLOG / seconds / CEILING), steadyPerSecond: round(steady), steadyOfCeiling: round(steady / CEILING), requests: main.stats().requests, refused: main.stats().refused, throttled: main.stats().throttled, highestLevel: round(main.stats().highestLevel) }
  await system.settled(BACKLOG, 60_000)
  // The budget fills again while nothing is asked of it.
  await quietFor(20_000)
  const times: number[] = []
  for (let i = 0; i < QUIET; i += 1) {
    const id = acme.create({ TITLE: `Quiet ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' })
    const changed = performance.now()
    await eventually(() => main.deals().some(deal => deal['ORIGIN_ID'] === `acme:${id}`), { deadlineMs: 30_000, everyMs: 2 })
    times.push(performance.now() - changed)
    await quietFor(1500)
  }
  const sorted = times.toSorted((a, b) => a - b)
  process.stdout.write(`${JSON.stringify({ bench: 'transfer', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, backlog, quiet: { changes: times.length, medianMs: round(at(sorted, 0.5)), p99Ms: round(at(sorted, 0.99)), slowestMs: round(sorted.at(-1) ?? 0), latencyMs: LATENCY_MS, medianOfLimit: round(at(sorted, 0.5) / (2 * LATENCY_MS + 150)) } })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()

async function quietFor (ms: number): Promise<void> {
  const from = performance.now()
  await eventually(() => performance.now() - from > ms, { deadlineMs: 2 * ms, everyMs: 100 })
}
