// The budget of a portal in virtual time: limiter.lua itself on a real Redis, processes that follow the rules of limiter.ts with
// seeded lateness, and a portal that refuses whatever its leaky bucket cannot hold. A rule can be taken away (`Rules`).
import { seededChance } from '../../simulator/faults.ts'
import { readFileSync } from 'node:fs'
import { LATE_MS, MAX_WAIT_MS, budgetOf } from '../../src/bitrix24/limiter.ts'
import type { Limits } from '../../src/bitrix24/limiter.ts'
import { createPace } from '../../src/bitrix24/pace.ts'
import type { Pace } from '../../src/bitrix24/pace.ts'
import type { Redis } from '../../src/platform/redis.ts'

export const SCRIPT = readFileSync(new URL('../../src/bitrix24/limiter.lua', import.meta.url), 'utf8')
export const BASIC: Limits = { per_second: 2, burst: 50 }
const EPOCH_US = 1.75e15
const PROCESSES = 4
const TIME_OUT_MS = 300
const BEAT_MS = 5000
const REFUSED_MS = 1000

/** What a planted bug takes away. `script` is run in place of limiter.lua. */
export interface Rules {
  readonly script?: string
  readonly deadline?: 'unchecked'
  readonly shadow?: 'none'
  readonly margin?: 'none'
  readonly key?: 'per process'
  readonly local?: 'full rate'
  readonly pace?: 'none'
}

export interface Scenario {
  readonly portal?: Limits
  readonly processes?: number
  /** Requests that a process tries to send at a time. */
  readonly workers?: number
  /** Whether there is work at this virtual ms; a backlog without end when absent. */
  readonly demand?: (at: number) => boolean
  /** Ms from the moment a slot may be used to the check before the socket write, and from there to the portal's counter. */
  readonly late?: (world: World) => number
  readonly network?: (world: World) => number
  readonly lostReplies?: number
  readonly slowReplies?: number
  /** Its refusals are not ours alone: the part that may be refused. None without it. */
  readonly mayRefuse?: number
  /** Whether 95 % of the portal's rate must be used. */
  readonly uses?: boolean
  readonly faults?: (world: World) => void
}

export interface Verdict { readonly sent: number, readonly refused: number, readonly highest: number, readonly used: number }

export class World {
  readonly scenario: Scenario
  readonly rules: Rules
  readonly chance: () => number
  readonly seed: number
  readonly processes: Process[] = []
  portal: Limits
  now = 0
  /** Until when Redis does not answer, how far its clock was stepped, and how often it was started. */
  downUntil = 0
  clockMs = 0
  run = 1
  readonly #redis: Redis
  readonly #key: string
  readonly #events: { at: number, turn: number, act: () => void | Promise<void> }[] = []
  readonly #states: { at: number, state: string | null }[] = []
  #sha: string | undefined
  #turn = 0
  #level: number
  #levelAt = 0
  #taken = 0
  #verdict = { sent: 0, refused: 0, highest: 0 }

  constructor (redis: Redis, how: { scenario: Scenario, rules?: Rules, seed: number, key: string }) {
    this.#redis = redis
    this.#key = how.key
    this.scenario = how.scenario
    this.rules = how.rules ?? {}
    this.seed = how.seed
    this.chance = seededChance(how.seed)
    this.portal = how.scenario.portal ?? BASIC
    // Former processes have just used the whole of their depth.
    this.#level = budgetOf(this.portal, PROCESSES).depth
  }

  /** Plays so many virtual minutes. */
  async play (minutes: number): Promise<Verdict> {
    for (let i = 0; i < (this.scenario.processes ?? 3); i += 1) this.spawn()
    this.scenario.faults?.(this)
    const end = minutes * 60_000
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.now = next.at
      await next.act()
    }
    for (const each of [this.#key, ...this.processes.map(process => `${this.#key}:${process.id}`)]) await this.#redis.del(each)
    return { ...this.#verdict, used: this.#taken / ((end - 60_000) / 1000 * this.portal.per_second) }
  }

  later (ms: number, act: () => void | Promise<void>): void {
    this.#events.push({ at: Math.max(this.now, this.now + ms), turn: this.#turn++, act })
  }

  /** Every `ms`, a third more or less, beginning at `from`. */
  every (from: number, ms: number, act: () => void | Promise<void>): void {
    const again = async (): Promise<void> => { await act(); this.later(ms * this.between(0.7, 1.3), again) }
    this.later(from, again)
  }

  between (a: number, b: number): number { return a + this.chance() * (b - a) }
  some (): Process | undefined { return this.processes[Math.floor(this.chance() * this.processes.length)] }

  spawn (limits = this.portal): Process {
    const process = new Process(this, limits)
    this.processes.push(process)
    process.start()
    return process
  }

  replace (): void {
    const old = this.some()
    if (old === undefined) return
    old.dead = true
    this.processes.splice(this.processes.indexOf(old), 1)
    this.spawn()
  }

  async forget (): Promise<void> { await this.#redis.del(this.#key) }

  /** Keeps the state as it is now, for `putBack`. */
  async keep (): Promise<void> { this.#states.push({ at: this.now, state: await this.#redis.get(this.#key) }) }

  /** The state as it was so many ms ago comes back. */
  async putBack (ms: number): Promise<void> {
    const old = this.#states.findLast(({ at }) => at <= this.now - ms)?.state
    if (old === undefined || old === null) await this.forget()
    else await this.#redis.set(this.#key, old)
  }

  async ask (who: Process, args: readonly (string | number)[]): Promise<[number, number, number, number, number, string]> {
    const key = this.rules.key === undefined ? this.#key : `${this.#key}:${who.id}`
    const all = [key, ...args, `${Math.round(EPOCH_US + (this.now + this.clockMs) * 1000)}:run${this.run}`] as const
    // Another test that shares this Redis may let it forget its scripts at any time.
    const send = async (): Promise<unknown> => await this.#redis.evalsha(await this.#loaded(), 1, ...all)
    return await send().catch(async () => { this.#sha = undefined; return await send() }) as [number, number, number, number, number, string]
  }

  /** A request comes to the portal's counter. False: refused. */
  arrive (owner: 'ours' | 'foreign'): boolean {
    const { per_second: rate, burst } = this.portal
    this.#level = Math.max(0, this.#level - (this.now - this.#levelAt) / 1000 * rate)
    this.#levelAt = this.now
    const isHeld = this.#level + 1 <= burst + 1e-9
    if (isHeld) this.#level += 1
    if (owner === 'foreign') return isHeld
    this.#verdict.sent += 1
    this.#verdict.highest = Math.max(this.#verdict.highest, isHeld ? this.#level : this.#level + 1)
    if (!isHeld) this.#verdict.refused += 1
    else if (this.now >= 60_000) this.#taken += 1
    return isHeld
  }

  async #loaded (): Promise<string> {
    return this.#sha ??= String(await this.#redis.script('LOAD', this.rules.script ?? SCRIPT))
  }

  #next (): { at: number, act: () => void | Promise<void> } | undefined {
    let first = 0
    for (let i = 1; i < this.#events.length; i += 1) {
      const [a, b] = [this.#events[i], this.#events[first]]
      if (a !== undefined && b !== undefined && (a.at < b.at || (a.at === b.at && a.turn < b.turn))) first = i
    }
    return this.#events.splice(first, 1)[0]
  }
}

/** A process of the service as limiter.ts lets it be. */
export class Process {
  static #made = 0
  readonly id = Process.#made++
  dead = false
  frozenUntil = 0
  /** Redis does not answer this process alone. */
  cutUntil = 0
  limits: Limits
  readonly #world: World
  readonly #pace: Pace
  #shadow: { n: number, nowUs: number, at: number } | undefined
  #localFree: number

  constructor (world: World, limits: Limits) {
    this.#world = world
    this.limits = limits
    this.#pace = createPace(() => world.now)
    this.#localFree = world.now + budgetOf(limits, PROCESSES).localIntervalMs
  }

  start (): void {
    for (let i = 0; i < (this.#world.scenario.workers ?? 4); i += 1) this.#later(this.#world.between(0, 20), () => { this.#work() })
    const beat = (): void => { this.#call(0, 0, () => undefined); this.#later(BEAT_MS, beat) }
    this.#later(this.#world.between(0, BEAT_MS), beat)
  }

  /** What a process does happens when it stands still no longer, and never after its end. */
  #later (ms: number, act: () => void): void {
    const when = (): void => {
      if (this.dead) return
      if (this.frozenUntil > this.#world.now) this.#world.later(this.frozenUntil - this.#world.now, when)
      else act()
    }
    this.#world.later(ms, when)
  }

  #call (cost: number, pauseMs: number, take: (reply: { granted: boolean, waitMs: number } | null) => void): void {
    const world = this.#world
    const { intervalUs, depth } = budgetOf(this.limits, PROCESSES, world.rules.pace === 'none' ? 1 : this.#pace.part())
    const told = this.#shadow === undefined || world.rules.shadow === 'none' ? '' : `${this.#shadow.n}:${this.#shadow.nowUs}:${Math.round((world.now - this.#shadow.at) * 1000)}`
    const slow = world.chance() < (world.scenario.slowReplies ?? 0)
    const way = (): number => slow ? world.between(50, 500) : world.between(0.1, 2)
    const asked = world.now
    world.later(way(), async () => {
      const isAway = world.downUntil > world.now || this.cutUntil > world.now
      const reply = isAway ? null : await world.ask(this, [intervalUs, world.rules.margin === 'none' ? this.limits.burst : depth, cost, MAX_WAIT_MS * 1000, MAX_WAIT_MS * 1000, pauseMs * 1000, told])
      const isLost = reply === null || world.chance() < (world.scenario.lostReplies ?? 0)
      this.#later(isLost ? TIME_OUT_MS : way(), () => {
        if (isLost || world.now - asked > TIME_OUT_MS) { take(null); return }
        this.#shadow = { n: reply[3], nowUs: reply[4], at: world.now }
        take({ granted: reply[0] === 1, waitMs: reply[1] / 1000 })
      })
    })
  }

  #work (): void {
    const world = this.#world
    const again = (ms: number): void => { this.#later(ms, () => { this.#work() }) }
    if (world.scenario.demand?.(world.now) === false) { again(world.between(0, 1000)); return }
    const asked = world.now
    this.#call(1, 0, (reply) => {
      if (reply === null) { if (this.#takeLocal()) this.#write(); else again(250); return }
      if (!reply.granted) { again(Math.max(5, reply.waitMs - MAX_WAIT_MS) + world.between(0, 100)); return }
      const notAfter = asked + reply.waitMs + LATE_MS
      this.#later(reply.waitMs + (world.scenario.late?.(world) ?? world.between(0, 20)), () => {
        if (world.now >= notAfter && world.rules.deadline !== 'unchecked') again(0)
        else this.#write()
      })
    })
  }

  #takeLocal (): boolean {
    const { localIntervalMs, intervalUs } = budgetOf(this.limits, PROCESSES)
    if (this.#world.now < this.#localFree) return false
    this.#localFree = this.#world.now + (this.#world.rules.local === 'full rate' ? intervalUs / 1000 : localIntervalMs)
    return true
  }

  #write (): void {
    const world = this.#world
    world.later(world.scenario.network?.(world) ?? world.between(20, 80), () => {
      const isHeld = world.arrive('ours')
      this.#later(world.between(50, 300), () => {
        if (isHeld) { this.#work(); return }
        this.#pace.refused()
        this.#call(0, REFUSED_MS, () => undefined)
        this.#later(REFUSED_MS, () => { this.#work() })
      })
    })
  }
}
