// One play: the real dispatcher on a virtual clock, with portals and a log in memory, where a seed picks what happens next.
// Promises: whatever the model allows between two awaits may happen. Does not promise: the same play twice to the last step, since
// PostgreSQL is real. Breaks it: an await of the product that no gate stands before. Watched by model.int.test.ts and its planted bugs.
import { prepareRoute } from '../../src/dispatcher/plan.ts'
import { DEALS, PORTAL, createFacts, keyOf } from './facts.ts'
import type { Facts, Play } from './facts.ts'
import { startProcess } from './process.ts'
import type { Process, Surroundings } from './process.ts'
import { judgeAtRest } from './properties.ts'
import { createSignals } from './signals.ts'
import type { Signals } from './signals.ts'
import { answerReads } from './source.ts'
import type { State } from './source.ts'
import { alive, createSteps } from './steps.ts'
import { createJudgedLog } from './told.ts'
import { BEGIN_MS } from './virtual-time.ts'
import { createWire } from './wire.ts'
import type { Wire } from './wire.ts'

export interface Played { readonly broken: string | null, readonly trace: readonly string[] }

const LONGEST_STEPS = 3000
const FAULTY_STEPS = 400
const SWEEP_MS = 2000
/** A replica lags less than the 2 s after a second for which a read of it is not believed. */
const LAG_MS = 1900

class Broken extends Error {}

/** Plays one scenario to its end by a seed and gives the first property that broke, with the steps that led there. */
export async function play (which: Play): Promise<Played> {
  const { stage } = which
  await stage.admin.query('truncate dispatch.work, dispatch.lease, dispatch.checkpoint, dispatch.duplicate_scan, sweep.signalled')
  await stage.clock.query('update virtual.clock set at = to_timestamp($1 / 1000.0)', [BEGIN_MS])
  const facts = createFacts(which)
  const processes: Process[] = []
  try {
    await run(facts, processes)
    return { broken: null, trace: facts.trace }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { broken: error.message, trace: facts.trace }
  } finally {
    facts.time.end()
    await Promise.all(processes.map(process => process.end()))
  }
}

async function run (facts: Facts, processes: Process[]): Promise<void> {
  const { scenario, source, time, gates, chance, left } = facts
  const log = createJudgedLog(facts)
  const wire = createWire(facts)
  const signals = createSignals(facts, log)
  const surroundings: Surroundings = { gates, time, log, url: facts.stage.url, bug: facts.bug, write: (owner, commands, options) => wire.write(owner, commands, options), routes: routesOf(facts), read: readerOf(facts) }
  let started = 0
  const begin = (): void => { processes.push(startProcess(`dispatcher ${started += 1}`, surroundings)) }
  const steps = createSteps({ facts, wire, signals, processes, begin })
  const isThrough = (id: string): boolean => (source.deals.get(id) ?? []).length === scenario.values.length

  async function step (): Promise<void> {
    const all = steps.possible()
    let at = chance.next() * all.reduce((sum, each) => sum + each.weight, 0)
    for (const each of all) {
      at -= each.weight
      if (at < 0) return await each.take()
    }
    await letTimePass(facts, wire, processes)
  }

  async function goOn (until: () => Promise<boolean> | boolean, longest: number): Promise<boolean> {
    for (let n = 0; n < longest; n += 1) {
      await gates.still()
      if (facts.broken !== null) throw new Broken(facts.broken)
      if (n % 20 === 0 && await until()) return true
      await step()
    }
    return false
  }

  async function rest (): Promise<void> {
    facts.calm = true
    let nextSweep = 0
    const isOver = async (): Promise<boolean> => {
      if (await isQuiet(facts, wire, signals)) return true
      if (scenario.noSweep !== true && time.nowMs() >= nextSweep) {
        nextSweep = time.nowMs() + SWEEP_MS
        await signals.sweep()
      }
      return false
    }
    if (!await goOn(isOver, LONGEST_STEPS)) throw new Broken('P2 the work never ends')
    await judgeRest(facts)
    if (facts.broken !== null) throw new Broken(facts.broken)
  }

  for (let n = 0; n < scenario.processes; n += 1) begin()
  for (const id of DEALS) steps.change(id)
  if (scenario.linked === true) await rest()
  facts.calm = false
  await goOn(() => DEALS.every(isThrough) && Object.values(left).every(n => n === 0), FAULTY_STEPS)
  for (const id of DEALS) while (!isThrough(id)) steps.change(id)
  await rest()
}

/** Nobody has anything to do now: the next timer, the end of a request's time, or of a standstill. */
async function letTimePass ({ time }: Facts, wire: Wire, processes: readonly Process[]): Promise<void> {
  const late = wire.requests.find(request => request.dueBy <= (time.next() ?? Infinity))
  if (late !== undefined) { wire.meetFate(late, true); return }
  const thaws = alive(processes).map(({ owner }) => owner.frozenUntil).filter(at => at > time.nowMs())
  const next = Math.min(time.next() ?? Infinity, ...thaws)
  if (next === Infinity) throw new Broken('P2 nothing moves and no timer runs')
  await time.moveTo(next)
}

async function isQuiet ({ stage, signals: sent, scenario }: Facts, wire: Wire, signals: Signals): Promise<boolean> {
  if (wire.requests.length > 0 || signals.hooks.length > 0) return false
  const { rows } = await stage.admin.query<{ deal_id: string, open: boolean, count: number }>('select deal_id, status not in (\'idle\', \'parked\') or covered_offset < last_offset as open, signal_count as count from dispatch.work')
  if (rows.some(row => row.open || row.count !== sent.get(row.deal_id)) || rows.length < [...sent.values()].filter(n => n > 0).length) return false
  return scenario.noSweep === true || await signals.isInStep()
}

async function judgeRest ({ stage, source, target, signals, events, removed, breaks }: Facts): Promise<void> {
  const { rows } = await stage.admin.query<{ deal_id: string, status: string }>('select deal_id, status from dispatch.work')
  for (const { deal_id: id, status } of rows) {
    const key = keyOf(id)
    const why = judgeAtRest({
      key, status, states: source.deals.get(id) ?? [], copies: target.copies.filter(copy => copy.origin === key), signals: signals.get(id) ?? 0,
      events: events.get(id) ?? [], removed: removed.has(key)
    })
    if (why !== null) breaks(why)
  }
}

function routesOf ({ scenario }: Facts): Surroundings['routes'] {
  const prepared = prepareRoute({ name: PORTAL, domain: 'acme.bitrix24.ru' }, {
    version: 1, target_category: 0, stages: { NEW: 'NEW' }, unmapped_stage: 'park', fields: { TITLE: 'TITLE' }, computed: {}, on_delete: 'ignore', on_target_missing: scenario.missing ?? 'park'
  })
  return new Map([[PORTAL, { to: 'main', prepared }]])
}

/** The source's answers: sometimes none, and sometimes those of a replica that lags. */
function readerOf (facts: Facts): Surroundings['read'] {
  const { source, time, chance } = facts
  const shown = (dealId: string): State => {
    const last = source.current(dealId)
    const before = (source.deals.get(dealId) ?? []).at(-2)
    if (before === undefined || !facts.has('lag') || time.nowMs() >= last.second + LAG_MS || !chance.isTrue(0.8)) return last
    facts.take('lag')
    facts.say(`a read of ${dealId} shows ${before.value}, which is not the last`)
    return before
  }
  return (_portal, commands) => {
    if (!facts.has('unread') || !chance.isTrue(0.3)) return answerReads(source, commands, { shown, nowMs: time.nowMs() })
    facts.take('unread')
    return { kind: 'failed', failure: { class: 'transient', code: 'no_answer', detail: 'The source gave no answer.' } }
  }
}
