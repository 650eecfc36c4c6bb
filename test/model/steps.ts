import { DEALS } from './facts.ts'
import type { Facts } from './facts.ts'
import type { Process } from './process.ts'
import type { Signals } from './signals.ts'
import { BEGIN_MS } from './virtual-time.ts'
import type { Owner } from './virtual-time.ts'
import { hasWrite } from './wire.ts'
import type { Wire } from './wire.ts'

/** A step that may be taken now; chance picks among them by weight. */
export interface Step { readonly weight: number, readonly take: () => Promise<void> | void }

/** Who takes part in a play. */
export interface Cast { readonly facts: Facts, readonly wire: Wire, readonly signals: Signals, readonly processes: readonly Process[], readonly begin: () => void }

/** Every step that anyone may take from here: processes, portals, network, the clock, a person. */
export interface Steps {
  possible (): Step[]
  /** Gives a deal its next state, with a webhook on its way. */
  change (dealId: string): void
}

export const alive = (processes: readonly Process[]): Process[] => processes.filter(process => !process.owner.dead)

export function createSteps ({ facts, wire, signals, processes, begin }: Cast): Steps {
  const { chance, time, gates, source, target, scenario, say } = facts
  const nextChange = new Map<string, number>()
  let asked = 0
  const awake = (owner: Owner): boolean => owner.frozenUntil <= time.nowMs()

  function change (dealId: string): void {
    const value = scenario.values[(source.deals.get(dealId) ?? []).length]
    if (value === undefined) return
    source.change(dealId, value, time.nowMs())
    signals.hooks.push(dealId)
    // Sometimes at once, sometimes in the middle of the transfer, sometimes after it.
    nextChange.set(dealId, asked + chance.pick([2, chance.below(40), chance.below(120)]))
    say(`${dealId} becomes ${value}`)
  }

  /** What also happens when nothing goes wrong any more. */
  function ordinary (): Step[] {
    const gated = gates.waiting().filter(gate => awake(gate.owner)).map(gate => ({ weight: 10, take () { say(gate.label); gates.open(gate) } }))
    // Nobody hears the answer any more: the effect, if one comes, comes late.
    const fates = wire.requests.map(request => ({ weight: request.answer === null || request.owner.dead ? 0.1 : 4, take: () => wire.meetFate(request, false) }))
    const hooks = signals.hooks.length > 0 ? [{ weight: 4, take: () => signals.deliver() }] : []
    const starts = alive(processes).length < scenario.processes ? [{ weight: 1, take () { say('another dispatcher starts'); begin() } }] : []
    return [...gated, ...fates, ...hooks, ...starts]
  }

  function eventful (): Step[] {
    const changing = DEALS.filter(id => (source.deals.get(id) ?? []).length < scenario.values.length && (nextChange.get(id) ?? 0) <= asked)
    const hop = Math.min(chance.pick([10, 60, 250]), ...wire.requests.map(request => request.dueBy - time.nowMs()))
    const standing = target.copies.filter(copy => copy.alive)
    return [
      ...changing.length > 0 ? [{ weight: 20, take: () => change(chance.pick(changing)) }] : [],
      ...scenario.noSweep === true ? [] : [{ weight: 0.3, take: () => signals.sweep() }],
      ...hop > 0 ? [{ weight: 2, take: () => time.moveTo(time.nowMs() + hop) }] : [],
      ...alive(processes).flatMap(mishaps),
      ...facts.has('person') && standing.length > 0 ? [{ weight: 0.5, take: () => remove(chance.pick(standing)) }] : []
    ]
  }

  function mishaps ({ owner, crash }: Process): Step[] {
    const weight = sharpness(owner)
    const steps: Step[] = []
    if (facts.has('crash')) steps.push({ weight, take () { facts.take('crash'); say(`${owner.name} is killed`); crash() } })
    if (facts.has('freeze') && awake(owner)) steps.push({ weight, take: () => freeze(owner) })
    return steps
  }

  /** How telling a crash or a stop of the process is now: most with a request on the wire, least while it waits for work. */
  function sharpness (owner: Owner): number {
    if (wire.requests.some(request => request.owner === owner && request.answer !== null && hasWrite(request))) return 8
    return gates.waiting().some(gate => gate.owner === owner && /reads acme|hears|sends|intents|appends|settle/.test(gate.label)) ? 0.6 : 0.01
  }

  function freeze (owner: Owner): void {
    facts.take('freeze')
    owner.frozenUntil = time.nowMs() + chance.pick([700, 2600, 9000])
    say(`${owner.name} stands still until ${owner.frozenUntil - BEGIN_MS}`)
  }

  function remove (copy: { readonly origin: string, alive: boolean }): void {
    facts.take('person')
    copy.alive = false
    facts.removed.add(copy.origin)
    say(`a person deletes the copy of ${copy.origin}`)
  }

  return {
    change,
    possible () {
      asked += 1
      return facts.calm ? ordinary() : [...ordinary(), ...eventful()]
    }
  }
}
