// Kills whatever comes to hand, for as long as it is told, while people work in two portals; then looks whether every deal
// stands once in the target, in its last state. A campaign by hand: it takes minutes, and no two runs are alike but for the seed.
//
//   node test/faults/kill-anything.ts [--seconds 120] [--seed N]
//
// Webhooks come from a sender that tries again until it is answered 200, as a proxy in front of ingest does.
import { parseArgs } from 'node:util'
import { doubledAdds, overlappingWrites, refusedRequests } from '../../simulator/oracle.ts'
import { eventually } from '../support/eventually.ts'
import { sendOnce } from '../support/sender.ts'
import { startSystem } from '../support/system.ts'
import type { Holder, Program, System } from '../support/system.ts'

const PROCESSES = ['ingest', 'dispatcher', 'projector', 'query'] as const
const PARTS = ['kafka-1', 'postgres', 'redis', 'registry'] as const
const SETTLE_MS = 300_000

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) } } })
const seed = Number(values.seed)
const chance = seeded(seed)
const pick = <T>(items: readonly T[]): T => items[Math.floor(chance() * items.length)] as T
const say = (line: string): void => { process.stderr.write(`${line}\n`) }
const endings: (() => unknown)[] = []
const holder: Holder = { after: (end) => { endings.push(end) } }
const kills: Record<string, number> = {}
let code = 1
try {
  say(`seed ${seed}`)
  const system = await startSystem(holder, { source: { webhooks: [] } })
  const programs = new Map<string, Program>(PROCESSES.map(name => [name, system.begin(name)]))
  for (const program of programs.values()) await program.ready()
  const stop = AbortSignal.timeout(Number(values.seconds) * 1000)
  const outbox = createOutbox(system)
  await Promise.all([work(system, outbox, stop), nemesis(system, programs, stop)])
  say('the killing is over; everything is brought back')
  await system.restartParts()
  for (const name of PROCESSES) if (programs.get(name)?.child.exitCode !== null || programs.get(name)?.child.signalCode !== null) programs.set(name, system.begin(name))
  for (const program of programs.values()) await program.ready()
  await outbox.done()
  const report = await verdict(system)
  process.stdout.write(`${JSON.stringify({ campaign: 'kill-anything', seed, seconds: Number(values.seconds), kills, webhooks: outbox.sent(), ...report })}\n`)
  code = report.isGood ? 0 : 1
} catch (error) {
  say(error instanceof Error ? error.stack ?? error.message : String(error))
} finally {
  for (const end of endings.toReversed()) await end()
}
process.exit(code)

interface Outbox { tell (portal: string, id: number): void, done (): Promise<void>, sent (): number }

/** One webhook per save, in the order of the saves of its deal, again until it is answered. */
function createOutbox (system: System): Outbox {
  const queues = new Map<string, Promise<void>>()
  let sent = 0
  async function send (portal: string, id: number): Promise<void> {
    await eventually(() => sendOnce(system.ingest, portal, id), { deadlineMs: SETTLE_MS, everyMs: 200 })
    sent += 1
  }
  return {
    tell (portal, id) {
      const key = `${portal}:${id}`
      queues.set(key, (queues.get(key) ?? Promise.resolve()).then(() => send(portal, id)))
    },
    done: async () => { await Promise.all(queues.values()) },
    sent: () => sent
  }
}

async function work (system: System, outbox: Outbox, stop: AbortSignal): Promise<void> {
  const deals: { portal: string, id: number }[] = []
  for (let n = 0; !stop.aborted; n += 1) {
    const portal = pick(['acme', 'beta'])
    const known = deals.length > 0 && chance() < 0.6 ? pick(deals) : undefined
    if (known === undefined) {
      const id = system.simulator.portal(portal).create({ TITLE: `Deal ${n}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: n, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB' })
      deals.push({ portal, id })
      outbox.tell(portal, id)
    } else {
      if (chance() < 0.3) system.simulator.portal(known.portal).move(known.id, pick(['C1:NEW', 'C1:PREPARATION', 'C1:EXECUTING', 'C1:WON']))
      else system.simulator.portal(known.portal).update(known.id, { TITLE: `Deal ${known.id} at ${n}` })
      outbox.tell(known.portal, known.id)
    }
    await pause(100 + chance() * 150)
  }
}

async function nemesis (system: System, programs: Map<string, Program>, stop: AbortSignal): Promise<void> {
  const main = system.simulator.portal('main')
  while (!stop.aborted) {
    await pause(3000 + chance() * 4000)
    const dice = chance()
    if (dice < 0.5) {
      const name = pick(PROCESSES)
      count(name)
      programs.get(name)?.child.kill('SIGKILL')
      await pause(chance() * 2000)
      programs.set(name, system.begin(name))
    } else if (dice < 0.85) {
      const part = pick(PARTS)
      count(part)
      process.kill((await system.partPids())[part] ?? 0, 'SIGKILL')
      await pause(chance() * 3000)
      await system.restartParts()
    } else {
      const mode = pick(['lost', 'error_done', 'cut'])
      count(`answer ${mode}`)
      main.fault({ where: 'write', mode, times: 1 })
    }
  }
}

async function verdict (system: System): Promise<{ isGood: boolean, deals: number, missing: string[], doubled: number, overlapping: number, refused: number, summary: unknown }> {
  const main = system.simulator.portal('main')
  const wanted = ['acme', 'beta'].flatMap(name => system.simulator.portal(name).deals().map(deal => ({ origin: `${name}:${String(deal['ID'] as number)}`, title: deal['TITLE'], stage: String(deal['STAGE_ID'] as string).slice('C1:'.length) })))
  const wrong = (): string[] => {
    const copies = Map.groupBy(main.deals(), deal => String(deal['ORIGIN_ID'] as string))
    return wanted.filter(({ origin, title, stage }) => {
      const copy = copies.get(origin)
      return copy?.length !== 1 || copy[0]?.['TITLE'] !== title || copy[0]?.['STAGE_ID'] !== stage
    }).map(({ origin }) => origin)
  }
  await eventually(() => wrong().length === 0, { deadlineMs: SETTLE_MS, everyMs: 500 }).catch(() => undefined)
  const summary = await system.settled(1, 120_000).catch(() => system.summary())
  const missing = wrong()
  const doubled = doubledAdds(main.journal()).length
  const overlapping = overlappingWrites(main.journal()).length
  const conserved = summary.signals === summary.open + Object.values(summary.ends).reduce((a, b) => a + b, 0)
  return { isGood: missing.length === 0 && doubled === 0 && overlapping === 0 && conserved && summary.open === 0, deals: wanted.length, missing, doubled, overlapping, refused: refusedRequests(main.journal()).length, summary }
}

function count (what: string): void {
  kills[what] = (kills[what] ?? 0) + 1
  say(`${new Date().toISOString()} ${what}`)
}

function pause (ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded (from: number): () => number {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
