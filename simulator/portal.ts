import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createActing } from './acting.ts'
import { createAppLife } from './app-life.ts'
import type { AppLife } from './app-life.ts'
import { createApps } from './apps.ts'
import { createBindings } from './bindings.ts'
import { createCommands } from './commands.ts'
import { settle } from './config.ts'
import type { PortalConfig, PortalSettings, WebhookConfig } from './config.ts'
import { createDoorman } from './doorman.ts'
import { eventMethods } from './event-methods.ts'
import { createEvents, tokensFor } from './events.ts'
import { createFaults, seededChance } from './faults.ts'
import type { FaultSpec } from './faults.ts'
import { createGate } from './gate.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { createBuckets, createOperating } from './limits.ts'
import { dataMethods } from './methods.ts'
import { createOAuth } from './oauth.ts'
import { createOffline } from './offline.ts'
import { offlineMethods } from './offline-methods.ts'
import { addsPerOrigin } from './oracle.ts'
import { createOutbox } from './outbox.ts'
import { createPeople } from './people.ts'
import { reconfigure } from './reconfigure.ts'
import type { Reconfiguration } from './reconfigure.ts'
import { createRest } from './rest.ts'
import { createStore } from './store.ts'
import type { Record_, Saved, Store } from './store.ts'

export interface PortalStats {
  requests: number
  refused: number
  throttled: number
  commands: number
  batches: number
  highestLevel: number
  /** Applied adds of deals by ORIGIN pair, `originator/origin`. */
  adds: Record<string, number>
}

/** One pretended portal, as a person, a test or the control door works with it. People cost no budget. */
export interface Portal {
  readonly name: string
  readonly restUrl: string
  readonly port: number
  create: (fields: Record_) => number
  update: (id: number, fields: Record_) => void
  move: (id: number, stage: string) => void
  remove: (id: number) => void
  /** A robot's save: apps get no tokens with its event. */
  robot: (id: number, fields: Record_) => void
  /** A deal made from a recurring template: two events. */
  createRecurring: (fields: Record_) => number
  /** The first deal stays, the others are deleted. */
  merge: (ids: readonly number[]) => void
  /** The callers may no longer see a deal: lists leave it out, commands are refused. */
  hide: (id: number) => void
  show: (id: number) => void
  deal: (id: number) => Record_ | undefined
  deals: () => Record_[]
  journal: (since?: number) => JournalEntry[]
  fault: (spec: FaultSpec) => string
  /** Takes one fault away and gives how often it had struck. */
  endFault: (id: string) => number
  clearFaults: () => void
  setWebhooks: (webhooks: WebhookConfig[]) => void
  /** Changes the portal at run time: zone, limits, delays, funnels, users, currencies, switches. */
  configure: (change: Reconfiguration) => void
  /** Takes connections and answers none, until thawed; what came meanwhile takes effect then. */
  freeze: () => void
  thaw: () => void
  readonly apps: AppLife
  stats: () => PortalStats
  /** Resolves when every webhook so far has had its one attempt. */
  idle: () => Promise<void>
  /** Everything that outlives a restart. */
  dump: () => Record<string, unknown>
  load: (state: Record<string, unknown>) => void
  store: Store
}
export interface PortalDeps {
  readonly now: () => number
  readonly journal: Journal
  readonly seed: number
  /** Told of every save after it is recorded. */
  readonly onSave?: ((portal: string, saved: Saved) => void) | undefined
}

/** Starts one portal on its port (0: any free one). */
export async function startPortal (config: PortalConfig, deps: PortalDeps): Promise<{ portal: Portal, stop: () => Promise<void> }> {
  const settings = settle(config)
  const { portal, rest } = compose(settings, deps)
  const server = createServer((request, response) => { rest(request, response).catch(() => { request.socket.destroy() }) })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(settings.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    portal: { ...portal, port, restUrl: `http://127.0.0.1:${port}/rest/${settings.user_id}/${settings.secret}/` },
    stop: () => new Promise((resolve) => { portal.thaw(); server.close(() => resolve()); server.closeAllConnections() })
  }
}

const pause = (ms: number): Promise<void> => ms <= 0 ? Promise.resolve() : new Promise(resolve => setTimeout(resolve, ms))

function compose (settings: PortalSettings, deps: PortalDeps): { portal: Omit<Portal, 'port' | 'restUrl'>, rest: ReturnType<typeof createRest> } {
  const { now, journal } = deps
  const by = settings.user_id
  const acting = createActing(by)
  const faults = createFaults(seededChance(deps.seed))
  const apps = createApps(settings)
  const oauth = createOAuth(settings, apps, now)
  const bindings = createBindings()
  const offline = createOffline(bindings, now)
  const gate = createGate()
  const outbox = createOutbox(settings, { faults, journal, now, pause, gate: gate.passed, tokens: (subscription, message) => tokensFor({ apps, oauth }, subscription, message) })
  const events = createEvents(settings, { outbox, bindings, offline, apps, acting, journal, now })
  const life = createAppLife({ apps, bindings, oauth, events })
  const addedAt = new Map<number, number>()
  const hidden = new Set<number>()
  const store = createStore(settings, now, (saved) => {
    if (saved.type === 2 && saved.kind === 'added') addedAt.set(saved.id, now())
    events.saved(saved)
    deps.onSave?.(settings.name, saved)
    people.saved(saved, acting.current())
  })
  const people = createPeople({ settings, store, faults, acting })
  const sight = { hidden, isFresh: (id: number) => settings.switches.list_lag_ms > 0 && now() - (addedAt.get(id) ?? 0) < settings.switches.list_lag_ms }
  const makeMethods = (): ReturnType<typeof dataMethods> => ({ ...dataMethods(settings, store, sight), ...eventMethods(bindings, events.test), ...offlineMethods(settings, offline) })
  let methods = makeMethods()
  const counts = { requests: 0, refused: 0, throttled: 0, commands: 0, batches: 0 }
  const count = (what: keyof typeof counts): void => { counts[what] += 1 }
  const buckets = createBuckets(now)
  const commands = createCommands({ settings, methods: () => methods, sight, faults, journal, operating: createOperating(now), acting, now, pause, count, wasRead: people.wasRead })
  const rest = createRest({ settings, doorman: createDoorman(settings, apps, oauth), oauth, faults, journal, buckets, gate, commands, count, pause })
  const portal: Omit<Portal, 'port' | 'restUrl'> = {
    name: settings.name,
    create: fields => store.add(2, fields, by),
    update: (id, fields) => { store.update(2, id, fields, by) },
    // A stage names its funnel, so a person's move may lead to another one.
    move: (id, stage) => { store.update(2, id, { STAGE_ID: stage, CATEGORY_ID: Number(/^C(\d+):/.exec(stage)?.[1] ?? 0) }, by) },
    remove: (id) => { store.remove(2, id, by) },
    robot: (id, fields) => { acting.as({ by: 'robot', userId: by }, () => { store.update(2, id, fields, by) }) },
    createRecurring: (fields) => {
      const id = store.add(2, fields, by)
      events.raise('ONCRMDEALRECURRINGEXPOSE', { FIELDS: { ID: String(id), RECURRING_DEAL_ID: String(id), DEAL_ID: String(id) } }, { type: 2, id })
      return id
    },
    merge: people.merge,
    hide: (id) => { hidden.add(id) },
    show: (id) => { hidden.delete(id) },
    deal: id => store.all(2).get(id),
    deals: () => [...store.all(2).values()],
    journal: since => journal.of(settings.name, since),
    fault: faults.add,
    endFault: faults.remove,
    clearFaults: faults.clear,
    setWebhooks: events.setWebhooks,
    configure: (change) => { reconfigure(settings, change); methods = makeMethods() },
    freeze: gate.freeze,
    thaw: gate.thaw,
    apps: life,
    stats: () => ({ ...counts, highestLevel: buckets.highest(), adds: addsPerOrigin(journal.of(settings.name)) }),
    idle: outbox.idle,
    dump: () => ({ ...store.dump() as object, access: { apps: apps.dump(), oauth: oauth.dump(), bindings: bindings.dump(), offline: offline.dump(), hidden: [...hidden] } }),
    load: (state) => {
      store.load(state)
      const access = state['access'] as { apps: unknown, oauth: unknown, bindings: unknown, offline: unknown, hidden: number[] } | undefined
      if (access === undefined) return
      apps.load(access.apps); oauth.load(access.oauth); bindings.load(access.bindings); offline.load(access.offline)
      for (const id of access.hidden) hidden.add(id)
    },
    store
  }
  return { portal, rest }
}
