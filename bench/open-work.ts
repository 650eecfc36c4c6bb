// What 100,000 open deals cost the dispatcher that has 1,000 of them in hand the same way: its memory while the target stands
// still, and the time of picking 50 due deals. OPEN sets the larger number. Prints one JSON object; the references are 1,000 open
// deals and the round trip of `select 1` in the same run.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { withLog } from '../src/cli/with-parts.ts'
import { createAhead } from '../src/dispatcher/ahead.ts'
import { CLAIM_DUE, COUNT_DUE, claimDue, countDue, countPairs, freeFormer } from '../src/dispatcher/sql/claim.ts'
import { noteSignals } from '../src/dispatcher/sql/inbox.ts'
import { LANES } from '../src/domain/schedule/lane.ts'
import { NO_CREDIT, shareOut } from '../src/domain/schedule/share.ts'
import type { Share } from '../src/domain/schedule/share.ts'
import { signalOf } from '../src/eventlog/contract.ts'
import { loadConfig } from '../src/platform/config.ts'
import { createLogger } from '../src/platform/logger.ts'
import { migrate } from '../src/platform/migrations.ts'
import { createPool } from '../src/platform/postgres.ts'
import type { Pool } from '../src/platform/postgres.ts'
import { ensureDatabases, inDatabase } from '../src/platform/postgres-probe.ts'
import { eventually } from '../test/support/eventually.ts'
import { rowsRead } from '../test/support/rows-read.ts'
import { startSystem } from '../test/support/system.ts'
import type { Holder } from '../test/support/system.ts'
import { at, round } from './figures.ts'

const [FEW, MANY] = [1000, Number(process.env['OPEN'] ?? '100000')]
const PICKS = 200
const PICK = 50
/** As the dispatcher counts: first up to the one, then what is not sure up to the other. */
const [SOME, MOST] = [30, 300]
const PORTALS = 20
const TARGET = 'main'
const REST_MS = 15_000
const WATCH_MS = 10_000
const logger = createLogger('bench', 'error')
const MIGRATIONS = new URL('../migrations/', import.meta.url).pathname

const few = await onSystem(FEW)
const many = await onSystem(MANY)
process.stdout.write(`${JSON.stringify({
  bench: 'open-work', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, few, many,
  ratioOfMemory: round(many.memory.residentMb / few.memory.residentMb), ratioOfMemoryAfterRestart: round(many.memory.restartedMb / few.memory.restartedMb), ratioOfPickMedian: round(many.pick.medianMs / few.pick.medianMs)
})}\n`)
process.exit()

/** Both measurements with so many open deals, on parts of their own. */
async function onSystem (open: number): Promise<{ open: number, memory: Awaited<ReturnType<typeof memoryWith>>, pick: Awaited<ReturnType<typeof picksFrom>> }> {
  const endings: (() => unknown)[] = []
  try {
    return { open, ...await measure({ after: (end) => { endings.push(end) } }, open) }
  } finally {
    for (const end of endings.toReversed()) await end()
  }
}

async function measure (holder: Holder, open: number): Promise<{ memory: Awaited<ReturnType<typeof memoryWith>>, pick: Awaited<ReturnType<typeof picksFrom>> }> {
  const portal = { latency_ms: 50, limits: { per_second: 2, burst: 50, operating_seconds: 480 } }
  const system = await startSystem(holder, { source: portal, target: portal })
  const memory = await memoryWith(system, open)
  await ensureDatabases(system.parts.postgres, ['picks'])
  const pool = createPool(inDatabase(system.parts.postgres, 'picks'), { name: 'bench', logger })
  try {
    await migrate(pool, MIGRATIONS)
    return { memory, pick: await picksFrom(pool, open) }
  } finally {
    await pool.end()
  }
}

/**
 * The deals come out of the log by the dispatcher's own inbox, so many that all its places are taken; then it is looked at while
 * the target stands still, and once more after a restart over the same rows.
 */
async function memoryWith (system: Awaited<ReturnType<typeof startSystem>>, open: number): Promise<{ residentMb: number, highestMb: number, restartedMb: number }> {
  const [acme, main] = [system.simulator.portal('acme'), system.simulator.portal(TARGET)]
  acme.setWebhooks([])
  const ids = Array.from({ length: open }, (_, i) => acme.create({ TITLE: `Old ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, CURRENCY_ID: 'RUB' }))
  main.freeze()
  const dispatcher = await system.run('dispatcher')
  await withLog({ config: loadConfig(system.config, {}), logger }, async (log) => {
    for (let at = 0; at < ids.length; at += 5000) await Promise.all(ids.slice(at, at + 5000).map(id => log.append(signalOf(id, { portal: 'acme', channel: 'backfill', receivedAt: Date.now(), occurredAt: Date.now() }))))
  })
  const pool = createPool(system.parts.postgres, { name: 'bench', logger })
  try {
    const openNow = async (): Promise<number> => Number((await pool.query<{ n: bigint }>('select count(*) as n from dispatch.work where status <> \'idle\'')).rows[0]?.n ?? 0n)
    await eventually(async () => await openNow() >= open, { deadlineMs: 180_000, everyMs: 500 })
    await pass(REST_MS)
    const residentMb = await watchMemory(dispatcher.pid ?? 0)
    const highestMb = statusMb(dispatcher.pid ?? 0, 'VmHWM')
    dispatcher.kill('SIGTERM')
    await eventually(() => dispatcher.exitCode !== null || dispatcher.signalCode !== null, { deadlineMs: 90_000, everyMs: 100 })
    const again = await system.run('dispatcher')
    await pass(REST_MS)
    const restartedMb = await watchMemory(again.pid ?? 0)
    if (await openNow() < open) throw new Error('deals landed while the target was to stand still')
    again.kill('SIGKILL')
    return { residentMb, highestMb, restartedMb }
  } finally {
    main.thaw()
    await pool.end()
  }
}

/** Deals of 20 portals in all lanes, three quarters of them due; picked deals go back behind the others. */
async function picksFrom (pool: Pool, open: number): Promise<{ medianMs: number, p99Ms: number, slowestMs: number, roundTripMedianMs: number, rowsToCount: number, rowsToClaim: number }> {
  const deal = (i: number): Parameters<typeof noteSignals>[1][number] => ({
    portal: `p${i % PORTALS}`, dealId: String(i), target: TARGET, count: 1, lane: LANES[Math.floor(i / PORTALS) % LANES.length] ?? 'live', lastOffset: BigInt(i), firstReceivedAt: Date.now(), correlationId: `c${i}`, causationId: `e${i}`
  })
  for (let at = 0; at < open; at += 500) await noteSignals(pool, Array.from({ length: Math.min(500, open - at) }, (_, i) => deal(at + i)))
  await pool.query('update dispatch.work set status = \'deferred\', due_at = now() + interval \'1 hour\' * random() where (hashtext(deal_id) & 3) = 0')
  await pool.query('insert into dispatch.lease (target, epoch, owner, expires_at) values ($1, 1, \'bench\', now() + interval \'1 day\')', [TARGET])
  await pool.query('analyze dispatch.work')
  const ahead = createAhead(new Map())
  const countNow = async (): Promise<Share[]> => {
    const due = await countDue(pool, { target: TARGET, most: SOME, stopped: [] })
    const unsure = ahead.unsure(due, SOME, [])
    return unsure.length === 0 ? due : await countPairs(pool, { target: TARGET, most: MOST, pairs: unsure })
  }
  const takesNow = async (): Promise<readonly Share[]> => shareOut(await countNow(), { deals: PICK, quotas: new Map(), credit: NO_CREDIT }).takes
  const takes = await takesNow()
  const rowsToCount = await rowsRead(pool, COUNT_DUE, [TARGET, SOME, []])
  const rowsToClaim = await rowsRead(pool, CLAIM_DUE, [TARGET, 1, takes.map(take => LANES.indexOf(take.lane)), takes.map(take => take.portal), takes.map(take => take.deals)])
  const [times, trips]: [number[], number[]] = [[], []]
  for (let i = 0; i < PICKS + 20; i += 1) {
    trips.push(await timed(() => pool.query('select 1')))
    let picked: string[] = []
    times.push(await timed(async () => {
      await freeFormer(pool, { target: TARGET, epoch: 1 })
      picked = (await claimDue(pool, { target: TARGET, epoch: 1, takes: await takesNow() })).map(claim => claim.attemptId)
    }))
    if (picked.length !== PICK) throw new Error(`${picked.length} deals were picked and not ${PICK}`)
    await pool.query('update dispatch.work set status = \'waiting\', due_at = now() where attempt_id = any($1::text[])', [picked])
  }
  // The first ones connect and plan.
  const [sorted, sortedTrips] = [times, trips].map(all => all.slice(20).toSorted((a, b) => a - b)) as [number[], number[]]
  return { medianMs: round(at(sorted, 0.5)), p99Ms: round(at(sorted, 0.99)), slowestMs: round(at(sorted, 1)), roundTripMedianMs: round(at(sortedTrips, 0.5)), rowsToCount, rowsToClaim }
}

async function timed (work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** The median of what the process holds over some seconds. */
async function watchMemory (pid: number): Promise<number> {
  const seen: number[] = []
  const timer = setInterval(() => { seen.push(statusMb(pid, 'VmRSS')) }, 500)
  await pass(WATCH_MS)
  clearInterval(timer)
  return round(at(seen.toSorted((a, b) => a - b), 0.5))
}

/** From /proc (Linux alone). */
function statusMb (pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
}

async function pass (ms: number): Promise<void> {
  const from = performance.now()
  await eventually(() => performance.now() - from > ms, { deadlineMs: ms + 5000, everyMs: 200 })
}
