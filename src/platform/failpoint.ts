// Named places where a test may have the process die, stop, fail or dawdle.
// Promises: without FAILPOINTS nothing happens but one comparison. Does not promise: that a kill takes effect before the next
// line on every system; on Linux it does. Breaks it: FAILPOINTS in a process that serves somebody, hence the second variable.
// Watched by test/faults/kill-points.ts, which counts the hits of each.
import { writeSync } from 'node:fs'
import { AppError } from './errors.ts'

/** The places, by their names in the guarantees' table of kill points; each stands in the code once. */
export const FAILPOINTS = ['K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7', 'K8', 'K9', 'K10', 'K11', 'K12', 'K13', 'K14', 'K15', 'K17', 'K18', 'K19', 'K20', 'K23', 'K24', 'K30', 'K31', 'K32'] as const
export type Failpoint = typeof FAILPOINTS[number]

const ACTIONS = ['kill', 'stop', 'throw', 'delay', 'count'] as const
type Action = typeof ACTIONS[number]
interface Armed { readonly occurrence: number, readonly action: Action }

const DELAY_MS = 1000

/** What a failpoint throws: an error like any other, for those who meet it. */
export class FailpointError extends Error {}

let armed: ReadonlyMap<string, Armed> | null = null
const hits = new Map<string, number>()

/**
 * Arms what FAILPOINTS says: `K11:2:kill,K3:1:throw` is name, occurrence, and `kill` (SIGKILL), `stop` (SIGSTOP), `throw`,
 * `delay` (the event loop stands for a second) or `count` (a line from that occurrence on, and nothing else). Called once, at the
 * start of a process.
 * Throws `config_invalid` when FAILPOINTS is set without DEALBRIDGE_FAULTS=allow, or is not understood.
 */
export function armFailpoints (environment: Readonly<Record<string, string | undefined>>): void {
  const wanted = environment['FAILPOINTS']
  hits.clear()
  armed = null
  if (wanted === undefined || wanted === '') return
  if (environment['DEALBRIDGE_FAULTS'] !== 'allow') throw new AppError('config_invalid', 'FAILPOINTS is set, which only a process under test may have; take it away, or set DEALBRIDGE_FAULTS=allow')
  armed = new Map(wanted.split(',').map(parse))
}

/** Whether any place is armed: for a place that takes work to reach. */
export function isAnyArmed (): boolean {
  return armed !== null
}

/** Passes, unless this is the armed occurrence of `name`. */
export function failpoint (name: Failpoint): void {
  if (armed !== null) hit(name)
}

function hit (name: Failpoint): void {
  const point = armed?.get(name)
  if (point === undefined) return
  const count = (hits.get(name) ?? 0) + 1
  hits.set(name, count)
  if (point.action === 'count' ? count < point.occurrence : count !== point.occurrence) return
  // Written at once: whoever is killed by it writes nothing afterwards.
  writeSync(2, `${JSON.stringify({ event: 'failpoint', point: name, hit: count, action: point.action })}\n`)
  act(name, point.action)
}

function act (name: Failpoint, action: Action): void {
  switch (action) {
    case 'kill': process.kill(process.pid, 'SIGKILL'); return
    case 'stop': process.kill(process.pid, 'SIGSTOP'); return
    case 'delay': Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DELAY_MS); return
    case 'count': return
    case 'throw': throw new FailpointError(`failpoint ${name}`)
  }
}

function parse (text: string): [string, Armed] {
  const [name = '', occurrence = '', action = ''] = text.split(':')
  const known = (FAILPOINTS as readonly string[]).includes(name) && /^[1-9][0-9]{0,5}$/.test(occurrence) && (ACTIONS as readonly string[]).includes(action)
  if (!known) throw new AppError('config_invalid', `FAILPOINTS is not understood at ${JSON.stringify(text)}: it is a name such as K11, which occurrence from 1, and ${ACTIONS.join(', ')}, parted by colons`)
  return [name, { occurrence: Number(occurrence), action: action as Action }]
}
