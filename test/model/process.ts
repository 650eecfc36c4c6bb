import type { Command } from '../../src/bitrix24/batch.ts'
import { tooLate } from '../../src/bitrix24/breaker.ts'
import type { BatchAnswer, CallOptions, PortalClient } from '../../src/bitrix24/client.ts'
import { createDispatcher } from '../../src/dispatcher/dispatcher.ts'
import type { DispatcherDeps } from '../../src/dispatcher/dispatcher.ts'
import type { EngineParts } from '../../src/dispatcher/context.ts'
import { createDispatcherTelemetry } from '../../src/dispatcher/telemetry.ts'
import { NO_TARGET } from '../../src/dispatcher/sql/routes.ts'
import type { Failure } from '../../src/domain/transfer/failure.ts'
import type { EventLog, Subscription } from '../../src/eventlog/port.ts'
import { monotonicMs } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import { createPool } from '../../src/platform/postgres.ts'
import type { Client, Pool } from '../../src/platform/postgres.ts'
import type { Gates } from './gates.ts'
import { openClient } from './source.ts'
import type { Owner, VirtualTime } from './virtual-time.ts'

/** A defect put in the place of a rule. `sql` rewrites a statement and gives null for those it leaves alone. */
export interface Bug {
  readonly parts?: Partial<EngineParts>
  readonly sql?: (text: string) => string | null
  readonly unknownWaitMs?: number
  readonly ignoresDeadline?: boolean
  /** What is told waits behind a gate while the process already believes it told: a crash loses it. */
  readonly tellsLater?: boolean
}

/** What a process sees of the world; the play decides what comes of it. */
export interface Surroundings {
  readonly gates: Gates
  readonly time: VirtualTime
  readonly log: EventLog
  readonly url: string
  readonly routes: DispatcherDeps['routes']
  /** Reads of a source portal, answered as the play likes. */
  readonly read: (portal: string, commands: ReadonlyMap<string, Command>) => BatchAnswer
  /** A request whose last check is behind it: it is on the wire, and the play answers it. */
  readonly write: (owner: Owner, commands: ReadonlyMap<string, Command>, options: CallOptions) => Promise<BatchAnswer>
  readonly bug: Bug
}

/**
 * The effect of a write comes within LATE_MS, as a portal cuts a request after its limit, and the wait is longer than that,
 * the lease shorter. Only the order of the times matters: with smaller ones a play has fewer idle steps.
 */
export const LATE_MS = 3000
const WAIT_MS = 4000
const LEASE = { ttlMs: 2000, renewMs: 600, marginMs: 200, standByMs: 300 }

/** A dispatcher as a process of its own: its pool, its timers, its place in the group. */
export interface Process { readonly owner: Owner, readonly crash: () => void, readonly end: () => Promise<void> }

export function startProcess (name: string, world: Surroundings): Process {
  const owner: Owner = { name, frozenUntil: 0, dead: false }
  const { gates, time, bug } = world
  const pool = createPool(world.url, { name, logger: QUIET, max: 4 })
  const subscriptions: Subscription[] = []
  const held = new Set<Client>()
  const client = (portal: string): PortalClient => openClient(portal, {
    async call (method, params, options) {
      const answer = await request(portal, new Map([['only', { method, params }]]), options)
      if (answer.kind === 'failed') return answer
      const fate = answer.fate('only')
      return fate.kind === 'ok' ? { kind: 'ok', result: fate.result, portalNow: answer.portalNow, time: null } : fate.kind === 'failed' ? fate : { kind: 'failed', failure: NO_ANSWER }
    },
    batch: (commands, options) => request(portal, commands, options)
  })
  async function request (portal: string, commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer> {
    await gates.pass(owner, `${name} ${portal === 'main' ? 'sends to' : 'reads'} ${portal}`)
    const answer = portal === 'main' ? await send(commands, options) : world.read(portal, commands)
    await gates.pass(owner, `${name} hears ${portal}`)
    return answer
  }
  async function send (commands: ReadonlyMap<string, Command>, options: CallOptions): Promise<BatchAnswer> {
    const last = bug.ignoresDeadline === true ? Infinity : Math.min(options.slot.notAfter, options.notAfter ?? Infinity)
    if (monotonicMs() >= last) return { kind: 'failed', failure: tooLate }
    return await world.write(owner, commands, options)
  }
  const dispatcher = time.as(owner, () => createDispatcher({
    log: guardLog(world, owner, subscriptions), pool: guardPool(pool, { owner, held }, world), logger: QUIET, telemetry: createDispatcherTelemetry(createRegistry()),
    clients: new Map([...world.routes.keys(), 'main'].map(portal => [portal, client(portal)])), routes: world.routes,
    unknownWaitMs: bug.unknownWaitMs ?? WAIT_MS, leaseTimes: LEASE, ...(bug.parts === undefined ? {} : { parts: bug.parts })
  }))
  void time.as(owner, () => dispatcher.start())
  const crash = (): void => {
    owner.dead = true
    for (const subscription of subscriptions) void time.as(null, () => subscription.stop())
  }
  return {
    owner,
    crash,
    async end () {
      crash()
      // A process that died in a transaction never gave its connection back.
      for (const client of held) client.release(true)
      await pool.end()
    }
  }
}

export const NO_ANSWER: Failure = { class: 'unknown', code: 'no_answer', detail: 'The portal gave no whole answer.' }

const QUIET = createLogger('model', 'error')

/** Statements stand behind gates; a transaction is one step. What the engine without a target does is let through. */
function guardPool (pool: Pool, { owner, held }: { owner: Owner, held: Set<Client> }, { gates, bug }: Surroundings): Pool {
  type Statement = string | { readonly text: string, readonly values?: readonly unknown[] }
  const planted = (statement: Statement): Statement => {
    const text = typeof statement === 'string' ? statement : statement.text
    const changed = bug.sql?.(text) ?? null
    return changed === null ? statement : typeof statement === 'string' ? changed : { ...statement, text: changed }
  }
  const query = (statement: Statement, values?: readonly unknown[]): Promise<unknown> => {
    const run = (): Promise<unknown> => pool.query(planted(statement) as string, values as unknown[])
    const given = (typeof statement === 'string' ? values : statement.values) ?? []
    if (given.some(value => value === NO_TARGET || value === `deal-transfers:${NO_TARGET}`)) return gates.real(run)
    return gates.around(owner, `${owner.name} ${nameOf(statement)}`, run)
  }
  const connect = async (): Promise<unknown> => {
    await gates.pass(owner, `${owner.name} transaction`)
    const client = await gates.real(() => pool.connect())
    held.add(client)
    return {
      release (destroy?: boolean) {
        held.delete(client)
        client.release(destroy)
      },
      query: async (statement: Statement, values?: readonly unknown[]) => {
        const result = await gates.real(() => client.query(planted(statement) as string, values as unknown[]))
        if (statement === 'commit') await gates.pass(owner, `${owner.name} transaction: answer`)
        return result
      }
    }
  }
  return { query, connect } as unknown as Pool
}

function nameOf (statement: string | { readonly text: string, readonly name?: string }): string {
  if (typeof statement !== 'string' && statement.name !== undefined) return statement.name
  return (typeof statement === 'string' ? statement : statement.text).trim().replace(/\s+/g, ' ').slice(0, 40)
}

function guardLog ({ log, gates, time, bug }: Surroundings, owner: Owner, subscriptions: Subscription[]): EventLog {
  // The log's own work belongs to nobody: it goes on when this process is gone.
  const outside = <T>(work: () => Promise<T>): Promise<T> => time.as(null, work)
  return {
    ...log,
    append (event, traceparent) {
      const told = gates.around(owner, `${owner.name} appends ${event.type}`, () => outside(() => log.append(event, traceparent)))
      return bug.tellsLater === true ? Promise.resolve({ topic: 'deal-transfers', partition: 0, offset: 0n }) : told
    },
    ends: topic => gates.around(owner, `${owner.name} asks for the ends`, () => log.ends(topic)),
    async read (topic, from, onBatch) {
      await gates.pass(owner, `${owner.name} reads the log`)
      await log.read(topic, from, onBatch)
    },
    async subscribe (options) {
      const subscription = await outside(() => log.subscribe({ ...options, onBatch: (batch, lease) => time.as(owner, () => options.onBatch(batch, lease)) }))
      subscriptions.push(subscription)
      return subscription
    }
  }
}
