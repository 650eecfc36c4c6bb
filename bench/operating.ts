// How much of a method's operating seconds a backlog uses when they are what limits: a target whose every command runs for 400 ms gives
// 1,200 creates in ten minutes and no more, whatever the rate. WINDOWS of ten minutes (2) are watched from the first create on. Prints one
// JSON object; the reference are the portal's own seconds. Takes as long as its windows: a portal's window cannot be made shorter.
import os from 'node:os'
import { eventually } from '../test/support/eventually.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'
import { round } from './figures.ts'

const WINDOWS = Number(process.env['WINDOWS'] ?? '2')
const WINDOW_MS = 600_000
const OPERATING_SECONDS = 480
const COMMAND_MS = 400
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const limits = { per_second: 2, burst: 50, operating_seconds: OPERATING_SECONDS }

try {
  const system = await startSystem(holder, { source: { latency_ms: 50, limits }, target: { latency_ms: 50, command_ms: COMMAND_MS, limits } })
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal('main')]
  await system.run('ingest', 'projector', 'query', 'dispatcher')
  const deals = Math.ceil((WINDOWS + 0.5) * OPERATING_SECONDS * 1000 / COMMAND_MS)
  for (let i = 0; i < deals; i += 1) acme.create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' })
  const adds = (): number[] => main.journal().filter(entry => entry.kind === 'applied' && entry.method === 'crm.item.add').map(entry => entry.at)
  const first = await eventually(() => adds().at(0), { deadlineMs: 120_000 })
  // A create is told when it is done, and the portal counts from when it began.
  const end = first - COMMAND_MS + WINDOWS * WINDOW_MS
  await eventually(() => Date.now() > end, { deadlineMs: WINDOWS * WINDOW_MS + 60_000, everyMs: 1000 })
  const done = adds().filter(at => at <= end).length
  const usedSeconds = done * COMMAND_MS / 1000
  process.stdout.write(`${JSON.stringify({
    bench: 'operating', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, windows: WINDOWS, creates: done, left: deals - done, usedSeconds: round(usedSeconds),
    ofSeconds: round(usedSeconds / (WINDOWS * OPERATING_SECONDS)), refused: main.stats().refused, throttled: main.stats().throttled
  })}\n`)
} finally {
  for (const close of endings.toReversed()) await close()
}
process.exit()
