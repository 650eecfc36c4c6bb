// What each process of the service holds and uses when nothing happens, after it has moved 300 deals.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { eventually } from '../test/support/eventually.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'

const DEALS = 300
const REST_MS = 20_000
const WATCH_MS = 40_000
const TICKS_PER_SECOND = 100

const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
try {
  const system = await startSystem(holder, {})
  const names = ['projector', 'dispatcher', 'query', 'ingest']
  const children = await Promise.all(names.map(name => system.run(name)))
  const acme = system.simulator.portal('acme')
  for (let i = 0; i < DEALS; i += 1) acme.create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' })
  await system.settled(DEALS, 120_000)
  await pass(REST_MS)
  const before = children.map(child => cpuSeconds(child.pid ?? 0))
  const from = performance.now()
  await pass(WATCH_MS)
  const seconds = (performance.now() - from) / 1000
  const processes = Object.fromEntries(names.map((name, i) => {
    const pid = children[i]?.pid ?? 0
    return [name, { residentMb: residentMb(pid), corePercent: Math.round((cpuSeconds(pid) - (before[i] ?? 0)) / seconds * 10_000) / 100 }]
  }))
  process.stdout.write(`${JSON.stringify({ bench: 'idle', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, processes })}\n`)
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit()

async function pass (ms: number): Promise<void> {
  const from = performance.now()
  await eventually(() => performance.now() - from > ms, { deadlineMs: ms + 5000, everyMs: 500 })
}

/** Of user and system, from /proc (Linux alone). */
function cpuSeconds (pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
  return ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_PER_SECOND
}

function residentMb (pid: number): number {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kb ?? 0) / 1024)
}
