import type { Command } from '../../src/bitrix24/batch.ts'
import type { BatchAnswer, CallOptions } from '../../src/bitrix24/client.ts'
import { snapshotOf } from '../../src/bitrix24/fields.ts'
import type { Fate } from '../../src/bitrix24/response.ts'
import { versionOf } from '../../src/bitrix24/version.ts'
import type { Failure } from '../../src/domain/transfer/failure.ts'
import type { TransferEvent } from '../../src/domain/transfer/events.ts'
import { prepareRoute } from '../../src/dispatcher/plan.ts'
import { signalOf } from '../../src/eventlog/contract.ts'
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import { compare } from '../../src/sweep/compare.ts'
import type { Standing } from '../../src/sweep/compare.ts'
import { noteSignalled, readStandings } from '../../src/sweep/sql/standing.ts'
import { chanceOf } from './chance.ts'
import { createGates } from './gates.ts'
import type { Gate } from './gates.ts'
import { LATE_MS, NO_ANSWER, startProcess } from './process.ts'
import type { Bug, Process, Surroundings } from './process.ts'
import { goesForwards, judgeAtRest } from './properties.ts'
import { answerReads, createSource } from './source.ts'
import { createTarget, isWrite, originsOf } from './target.ts'
import { BEGIN_MS, startVirtualTime } from './virtual-time.ts'
import type { Owner } from './virtual-time.ts'

/** What may go wrong, each as often as the scenario says: the faults of the transfer's model. */
export type Fault = 'lost' | 'drop' | 'cut' | 'errDone' | 'err' | 'half' | 'lag' | 'loss' | 'dup' | 'crash' | 'freeze' | 'person' | 'unread'

/** `values`: the states each deal goes through; X is one that the mapping refuses. `linked`: the first is transferred before. */
export interface Scenario {
  readonly name: string
  readonly values: string
  readonly processes: 1 | 2
  readonly faults: Partial<Record<Fault, number>>
  readonly linked?: boolean
  readonly noSweep?: boolean
  readonly missing?: 'park' | 'recreate'
}

/** Defects of the surroundings rather than of the dispatcher: what the sweep compares with. */
export interface WorldBug extends Bug { readonly sweepComparesWithTransferred?: boolean }

export interface Played { readonly broken: string | null, readonly trace: readonly string[] }

/** The databases of plays: `admin` and `clock` see the real world, processes get pools of their own. */
export interface Stage { readonly url: string, readonly admin: Pool, readonly clock: Pool }

interface Request {
  readonly owner: Owner
  readonly commands: ReadonlyMap<string, Command>
  readonly attempts: ReadonlyMap<string, string>
  readonly dueBy: number
  answer: ((answer: BatchAnswer) => void) | null
}

const DEALS = ['11', '12']
const PORTAL = 'acme'
const LONGEST_STEPS = 3000
const FAULTY_STEPS = 400
const refused: Failure = { class: 'throttled', code: 'OPERATION_TIME_LIMIT', detail: 'The method has no time left.', waitMs: 50 }

class Broken extends Error {}

/** Plays one scenario to its end by a seed and gives the first property that broke, with the steps that led there. */
export async function play (stage: Stage, scenario: Scenario, seed: number, bug: WorldBug = {}): Promise<Played> {
  await stage.admin.query('truncate dispatch.work, dispatch.lease, dispatch.checkpoint, sweep.signalled')
  await stage.clock.query('update virtual.clock set at = to_timestamp($1 / 1000.0)', [BEGIN_MS])
  const world = createWorld(stage, scenario, seed, bug)
  try {
    await world.run()
    return { broken: null, trace: world.trace }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { broken: error.message, trace: world.trace }
  } finally {
    await world.end()
  }
}

const wordsOf = (command: Command): string => `${command.method} ${originsOf(command).join(' ')} ${(command.params['fields'] as { title?: string } | undefined)?.title ?? ''}`

function createWorld (stage: Stage, scenario: Scenario, seed: number, bug: WorldBug): { run: () => Promise<void>, end: () => Promise<void>, trace: string[] } {
  const chance = chanceOf(seed)
  const time = startVirtualTime(stage.clock)
  const gates = createGates()
  const source = createSource(PORTAL, DEALS)
  const target = createTarget()
  const left: Partial<Record<Fault, number>> = { ...scenario.faults }
  const trace: string[] = []
  const processes: Process[] = []
  const requests: Request[] = []
  const hooks: string[] = []
  const applied = new Set<string>()
  const removed = new Set<string>()
  const signals = new Map<string, number>(DEALS.map(id => [id, 0]))
  const events = new Map<string, TransferEvent[]>(DEALS.map(id => [id, []]))
  let broken: string | null = null
  let calm = scenario.linked === true
  let started = 0
  let taken = 0
  const nextChange = new Map<string, number>()

  const breaks = (why: string): void => { broken ??= why }
  const say = (line: string): void => { trace.push(`${String(time.nowMs() - BEGIN_MS).padStart(6)} ${line}`) }
  const has = (fault: Fault): boolean => !calm && (left[fault] ?? 0) > 0
  const take = (fault: Fault): void => { left[fault] = (left[fault] ?? 0) - 1 }
  const keyOf = (dealId: string): string => `${PORTAL}:${dealId}`

  // What is told is judged where it reaches the log, by what is true in that moment.
  const memory = createMemoryLog()
  const log: EventLog = {
    ...memory,
    async append (event, traceparent) {
      const position = await memory.append(event, traceparent)
      if (event.type === 'DealChangeSignalled') return position
      events.get(event.dealId)?.push(event)
      if (event.type === 'TransferSuperseded' && event.reason === 'attempt_lost' && applied.has(event.attemptId) && removed.size === 0) breaks(`P4 an attempt on ${keyOf(event.dealId)} is told as lost, but it was applied`)
      if (event.type === 'TransferSucceeded' && event.action === 'unchanged') await judgeUnchanged(event)
      return position
    }
  }

  async function judgeUnchanged (event: Extract<TransferEvent, { type: 'TransferSucceeded' }>): Promise<void> {
    const { rows } = await stage.admin.query<{ stands: boolean }>('select true as stands from dispatch.work w join dispatch.lease l using (target) where w.attempt_id = $1 and l.epoch = $2', [event.attemptId, event.epoch])
    const copy = target.copyOf(keyOf(event.dealId))
    if (rows.length > 0 && copy !== undefined && copy.value !== event.title) breaks(`P6 "unchanged" is told of ${keyOf(event.dealId)} in ${event.title} while the target holds ${copy.value}`)
  }

  async function write (owner: Owner, commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer> {
    const writes = [...commands.values()].filter(isWrite)
    const attempts = new Map<string, string>()
    await gates.real(async () => {
      const { rows } = await stage.admin.query<{ epoch: bigint }>('select epoch from dispatch.lease where target = \'main\'')
      if (writes.length > 0 && Number(options.headers?.['x-dealbridge-epoch']) !== Number(rows[0]?.epoch)) breaks('P5 a former owner writes')
      const work = await stage.admin.query<{ deal_id: string, attempt_id: string | null }>('select deal_id, attempt_id from dispatch.work')
      for (const { deal_id: id, attempt_id: attempt } of work.rows) if (attempt !== null) attempts.set(keyOf(id), attempt)
    })
    say(`${owner.name} has written ${[...commands.values()].map(wordsOf).join(', ')}`)
    return await new Promise((answer) => { requests.push({ owner, commands, attempts, dueBy: time.nowMs() + LATE_MS, answer }) })
  }

  const surroundings: Surroundings = {
    gates, time, log, url: stage.url, bug, write,
    routes: new Map([[PORTAL, { to: 'main', prepared: prepareRoute({ name: PORTAL, domain: 'acme.bitrix24.ru' }, {
      version: 1, target_category: 0, stages: { NEW: 'NEW' }, unmapped_stage: 'park', fields: { TITLE: 'TITLE' }, computed: {}, on_delete: 'ignore', on_target_missing: scenario.missing ?? 'park'
    }) }]]),
    read (_portal, commands) {
      if (has('unread') && chance.isTrue(0.3)) {
        take('unread')
        return { kind: 'failed', failure: { class: 'transient', code: 'no_answer', detail: 'The source gave no answer.' } }
      }
      return answerReads(source, commands, shown, time.nowMs())
    }
  }

  /** The replica may lag while the second of the last change is not over. */
  function shown (dealId: string): ReturnType<typeof source.current> {
    const states = source.deals.get(dealId) ?? []
    const last = source.current(dealId)
    const before = states.at(-2)
    if (before === undefined || !has('lag') || time.nowMs() >= last.second + 1000 || !chance.isTrue(0.7)) return last
    take('lag')
    say(`a read of ${dealId} shows ${before.value}, which is not the last`)
    return before
  }

  async function carryOut (request: Request, commands: Iterable<[string, Command]>): Promise<Map<string, Fate>> {
    const fates = new Map<string, Fate>()
    for (const [key, command] of commands) {
      const [origin = ''] = originsOf(command)
      if (command.method === 'crm.item.add' && target.copyOf(origin) !== undefined) breaks(`P1 a second target deal of ${origin}`)
      const fate = target.apply(command)
      fates.set(key, fate)
      if (!isWrite(command) || fate.kind !== 'ok') continue
      const attempt = request.attempts.get(origin)
      if (attempt !== undefined) applied.add(attempt)
      const copy = target.copyOf(origin)
      if (copy !== undefined && !goesForwards(source.deals.get(origin.slice(PORTAL.length + 1)) ?? [], copy.words)) breaks(`P3 ${origin} goes back in the target: ${copy.words.join(', ')}`)
    }
    return await Promise.resolve(fates)
  }

  const good = (fates: ReadonlyMap<string, Fate>): BatchAnswer => ({ kind: 'ok', fate: key => fates.get(key) ?? { kind: 'none' }, portalNow: time.nowMs() })

  /** One request on the wire meets its fate; what comes after a cut is an effect without an answer, or nothing. */
  async function meetFate (request: Request, mustEnd: boolean): Promise<void> {
    const isCut = request.answer === null
    const possible = (['lost', 'drop', 'cut', 'errDone', 'err', 'half'] as const).filter(fault => has(fault) && !isCut && !(fault === 'cut' && mustEnd))
    const fault = possible.length > 0 && [...request.commands.values()].some(isWrite) && chance.isTrue(0.5) ? chance.pick(possible) : null
    if (fault !== null) take(fault)
    say(`the request of ${request.owner.name}: ${fault ?? (isCut ? 'late effect or none' : 'effect and answer')}`)
    const answer = request.answer ?? ((): void => undefined)
    if (fault === 'cut') {
      request.answer = null
      answer({ kind: 'failed', failure: NO_ANSWER })
      return
    }
    requests.splice(requests.indexOf(request), 1)
    const all = [...request.commands]
    switch (fault) {
      case null: {
        if (isCut && chance.isTrue(0.5)) return
        answer(good(await carryOut(request, all)))
        return
      }
      case 'lost': {
        await carryOut(request, all)
        answer({ kind: 'failed', failure: NO_ANSWER })
        return
      }
      case 'drop': answer({ kind: 'failed', failure: NO_ANSWER }); return
      case 'errDone': {
        await carryOut(request, all)
        answer({ kind: 'failed', failure: refused })
        return
      }
      case 'err': answer({ kind: 'failed', failure: refused }); return
      case 'half': answer(good(await carryOut(request, all.slice(0, Math.ceil(all.length / 2)))))
    }
  }

  async function signal (dealId: string, channel: 'webhook' | 'sweep'): Promise<void> {
    const { offset } = await time.as(null, () => log.append(signalOf(dealId, { portal: PORTAL, channel, receivedAt: time.nowMs() })))
    signals.set(dealId, (signals.get(dealId) ?? 0) + 1)
    if (channel === 'sweep') await noteSignalled(stage.admin, PORTAL, [{ dealId, offset, backfill: false }])
    say(`${channel}: ${dealId} may have changed`)
  }

  function change (dealId: string): void {
    const value = scenario.values[(source.deals.get(dealId) ?? []).length]
    if (value === undefined) return
    source.change(dealId, value, time.nowMs())
    hooks.push(dealId)
    // Sometimes at once, sometimes in the middle of the transfer, sometimes after it.
    nextChange.set(dealId, taken + chance.pick([2, chance.below(40), chance.below(120)]))
    say(`${dealId} becomes ${value}`)
  }

  /** What a sweep makes of every deal now. */
  async function sweepVerdicts (): Promise<Map<string, ReturnType<typeof compare>>> {
    const standings = await readStandings(stage.admin, PORTAL, DEALS)
    return new Map(DEALS.filter(id => (source.deals.get(id) ?? []).length > 0).map((id) => {
      const standing = standings.get(id) as Standing
      const seen = bug.sweepComparesWithTransferred === true ? { ...standing, ended: transferred(id) } : standing
      return [id, compare(versionOf(snapshotOf({ ...source.item(id, source.current(id)), id })), seen)]
    }))
  }

  function transferred (dealId: string): Standing['ended'] {
    const last = events.get(dealId)?.findLast(event => event.type === 'TransferSucceeded')
    return last?.type !== 'TransferSucceeded' || last.sourceModifiedAt === null ? null : { modifiedAt: last.sourceModifiedAt, hash: last.sourceHash }
  }

  async function sweep (): Promise<void> {
    for (const [dealId, verdict] of await sweepVerdicts()) if (verdict === 'signal') await signal(dealId, 'sweep')
  }

  async function isQuiet (): Promise<boolean> {
    if (requests.length > 0 || hooks.length > 0) return false
    const { rows } = await stage.admin.query<{ deal_id: string, open: boolean, count: number }>('select deal_id, status not in (\'idle\', \'parked\') or covered_offset < last_offset as open, signal_count as count from dispatch.work')
    if (rows.some(row => row.open || row.count !== signals.get(row.deal_id)) || rows.length < [...signals.values()].filter(n => n > 0).length) return false
    return scenario.noSweep === true || [...(await sweepVerdicts()).values()].every(verdict => verdict === 'same' || verdict === 'older')
  }

  async function judgeRest (): Promise<void> {
    const { rows } = await stage.admin.query<{ deal_id: string, status: string }>('select deal_id, status from dispatch.work')
    for (const { deal_id: id, status } of rows) {
      const key = keyOf(id)
      const why = judgeAtRest({
        key, states: source.deals.get(id) ?? [], copies: target.copies.filter(copy => copy.origin === key), signals: signals.get(id) ?? 0, status,
        events: events.get(id) ?? [], removed: removed.has(key)
      })
      if (why !== null) breaks(why)
    }
  }

  const begin = (): void => { processes.push(startProcess(`dispatcher ${started += 1}`, surroundings)) }
  /** How telling a crash or a stop of the process is now: most with a request on the wire, least while it waits for work. */
  function sharpness (owner: Owner): number {
    if (requests.some(request => request.owner === owner && request.answer !== null && [...request.commands.values()].some(isWrite))) return 8
    return gates.waiting().some(gate => gate.owner === owner && /reads acme|hears|sends|intents|appends|settle/.test(gate.label)) ? 0.6 : 0.01
  }
  const alive = (): Process[] => processes.filter(process => !process.owner.dead)
  const awake = (owner: Owner): boolean => owner.frozenUntil <= time.nowMs()

  /** Every step that may be taken now, with its weight. */
  function steps (): { weight: number, take: () => Promise<void> | void }[] {
    const all: { weight: number, take: () => Promise<void> | void }[] = gates.waiting().filter(gate => awake(gate.owner)).map((gate: Gate) => ({ weight: 10, take () { say(gate.label); gates.open(gate) } }))
    // Nobody hears the answer any more: the effect, if one comes, comes late.
    for (const request of requests) all.push({ weight: request.answer === null || request.owner.dead ? 0.1 : 4, take: () => meetFate(request, false) })
    if (hooks.length > 0) all.push({ weight: 4, take: deliver })
    if (alive().length < scenario.processes) all.push({ weight: 1, take () { say('another dispatcher starts'); begin() } })
    if (calm) return all
    const changing = DEALS.filter(id => (source.deals.get(id) ?? []).length < scenario.values.length && (nextChange.get(id) ?? 0) <= taken)
    if (changing.length > 0) all.push({ weight: 20, take: () => change(chance.pick(changing)) })
    if (scenario.noSweep !== true) all.push({ weight: 0.3, take: sweep })
    const hop = Math.min(chance.pick([10, 60, 250]), ...requests.map(request => request.dueBy - time.nowMs()))
    if (hop > 0) all.push({ weight: 2, take: () => time.moveTo(time.nowMs() + hop) })
    for (const { owner, crash } of alive()) {
      const weight = sharpness(owner)
      if (has('crash')) all.push({ weight, take () { take('crash'); say(`${owner.name} is killed`); crash() } })
      if (has('freeze') && awake(owner)) all.push({ weight, take () { take('freeze'); owner.frozenUntil = time.nowMs() + chance.pick([700, 2600, 9000]); say(`${owner.name} stands still until ${owner.frozenUntil - BEGIN_MS}`) } })
    }
    const standing = target.copies.filter(copy => copy.alive)
    if (has('person') && standing.length > 0) all.push({ weight: 0.5, take () { take('person'); const copy = chance.pick(standing); copy.alive = false; removed.add(copy.origin); say(`a person deletes the copy of ${copy.origin}`) } })
    return all
  }

  async function deliver (): Promise<void> {
    const [dealId] = hooks.splice(chance.below(hooks.length), 1) as [string]
    if (has('loss') && chance.isTrue(0.3)) { take('loss'); say(`a webhook of ${dealId} is lost`); return }
    if (has('dup') && chance.isTrue(0.5)) { take('dup'); hooks.push(dealId) }
    await signal(dealId, 'webhook')
  }

  async function step (): Promise<void> {
    const all = steps()
    let at = chance.next() * all.reduce((sum, each) => sum + each.weight, 0)
    for (const each of all) {
      at -= each.weight
      if (at < 0) return await each.take()
    }
    const late = requests.find(request => request.dueBy <= (time.next() ?? Infinity))
    if (late !== undefined) return await meetFate(late, true)
    const thaw = Math.min(...alive().filter(({ owner }) => !awake(owner)).map(({ owner }) => owner.frozenUntil))
    const next = Math.min(time.next() ?? Infinity, thaw)
    if (next === Infinity) throw new Broken('P2 nothing moves and no timer runs')
    await time.moveTo(next)
  }

  async function goOn (until: () => Promise<boolean> | boolean, longest: number): Promise<boolean> {
    for (let n = 0; n < longest; n += 1) {
      await gates.still()
      if (broken !== null) throw new Broken(broken)
      if (n % 20 === 0 && await until()) return true
      taken += 1
      await step()
    }
    return false
  }

  async function rest (): Promise<void> {
    calm = true
    const nextSweep = { at: 0 }
    const isOver = async (): Promise<boolean> => {
      if (await isQuiet()) return true
      if (scenario.noSweep !== true && time.nowMs() >= nextSweep.at) {
        nextSweep.at = time.nowMs() + 2000
        await sweep()
      }
      return false
    }
    if (!await goOn(isOver, LONGEST_STEPS)) throw new Broken('P2 the work never ends')
    await judgeRest()
    if (broken !== null) throw new Broken(broken)
  }

  return {
    trace,
    async run () {
      for (let n = 0; n < scenario.processes; n += 1) begin()
      for (const id of DEALS) change(id)
      if (scenario.linked === true) await rest()
      calm = false
      const isSpent = (): boolean => DEALS.every(id => (source.deals.get(id) ?? []).length === scenario.values.length) && Object.values(left).every(n => n === 0)
      await goOn(isSpent, FAULTY_STEPS)
      for (const id of DEALS) while ((source.deals.get(id) ?? []).length < scenario.values.length) change(id)
      await rest()
    },
    async end () {
      time.end()
      await Promise.all(processes.map(process => process.end()))
    }
  }
}
