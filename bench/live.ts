// How soon live changes land while a backfill drains, at portals with 50 ms latency and the real limits. DEALS is the size of the
// backfill, of the same source portal as the live changes, so that they compete for reads as well. Prints one JSON object; the
// reference is the same live changes before the backfill.
import os from 'node:os'
import { withLog } from '../src/cli/with-parts.ts'
import { signalOf } from '../src/eventlog/contract.ts'
import { loadConfig } from '../src/platform/config.ts'
import { createLogger } from '../src/platform/logger.ts'
import { eventually } from '../test/support/eventually.ts'
import { sendOnce } from '../test/support/sender.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'
import { at, round, shares } from './figures.ts'

const DEALS = Number(process.env['DEALS'] ?? '20000')
const CHANGES = 60
const EVERY_MS = 500
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const portal = { latency_ms: 50, limits: { per_second: 2, burst: 50, operating_seconds: 480 } }

try {
  const system = await startSystem(holder, { source: portal, target: portal })
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  acme.setWebhooks([])
  await system.run('ingest', 'projector', 'query', 'dispatcher')

  /** A change every half second; the times from each to its landing, in ms. */
  const live = async (name: string): Promise<number[]> => {
    const times: number[] = []
    const landings: Promise<void>[] = []
    for (let i = 0; i < CHANGES; i += 1) {
      const begun = performance.now()
      const id = acme.create({ TITLE: `${name} ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' })
      if (!await sendOnce(system.ingest, 'acme', id)) throw new Error('a webhook was refused')
      landings.push(eventually(() => landed.has(`acme:${id}`), { deadlineMs: 120_000, everyMs: 5 }).then(() => { times.push(performance.now() - begun) }))
      await eventually(() => performance.now() - begun > EVERY_MS, { everyMs: 20 })
    }
    await Promise.all(landings)
    return times.toSorted((a, b) => a - b)
  }
  const landed = new Set<unknown>()
  const look = setInterval(() => { for (const deal of main.deals().slice(landed.size)) landed.add(deal['ORIGIN_ID']) }, 20)

  const quiet = await live('quiet')
  const ids = Array.from({ length: DEALS }, (_, i) => acme.create({ TITLE: `Old ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' }))
  await withLog({ config: loadConfig(system.config, {}), logger: createLogger('bench', 'error') }, async (log) => {
    await Promise.all(ids.map(id => log.append(signalOf(id, { portal: 'acme', channel: 'backfill', receivedAt: Date.now(), occurredAt: Date.now() }))))
  })
  await eventually(() => landed.size > CHANGES + 100, { deadlineMs: 60_000 })
  const [before, from] = [landed.size, performance.now()]
  const during = await live('live')
  const writesPerSecond = (landed.size - before) / (performance.now() - from) * 1000
  const left = DEALS + 2 * CHANGES - landed.size
  clearInterval(look)
  process.stdout.write(`${JSON.stringify({
    bench: 'live', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, backfill: DEALS, leftAtTheEnd: left, changes: CHANGES,
    quiet: shares(quiet), during: shares(during), ratioOfP95: round(at(during, 0.95) / at(quiet, 0.95)), writesPerSecond: round(writesPerSecond), refused: main.stats().refused + acme.stats().refused, throttled: main.stats().throttled
  })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()
