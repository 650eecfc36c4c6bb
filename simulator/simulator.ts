import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { settle } from './config.ts'
import type { PortalConfig, SimulatorConfig, WebhookConfig } from './config.ts'
import { createFaults, seededChance } from './faults.ts'
import type { FaultSpec } from './faults.ts'
import { createJournal } from './journal.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { createBuckets, createOperating } from './limits.ts'
import { createRest } from './rest.ts'
import { createStore } from './store.ts'
import type { Record_, Store } from './store.ts'
import { EVENTS, createOutbox } from './webhooks.ts'

export interface PortalStats {
  requests: number
  refused: number
  throttled: number
  commands: number
  batches: number
  highestLevel: number
  /** Applied adds by ORIGIN pair, `originator/origin`. */
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
  deal: (id: number) => Record_ | undefined
  deals: () => Record_[]
  journal: (since?: number) => JournalEntry[]
  fault: (spec: FaultSpec) => string
  clearFaults: () => void
  setWebhooks: (webhooks: WebhookConfig[]) => void
  stats: () => PortalStats
  /** Resolves when every webhook so far has had its one attempt. */
  idle: () => Promise<void>
  store: Store
}
export interface Simulator { portal: (name: string) => Portal, portals: () => Portal[], stop: () => Promise<void> }

/** Starts every portal of the config, each on its own port (0: any free one). */
export async function startSimulator (config: SimulatorConfig, options: { now?: () => number } = {}): Promise<Simulator> {
  const now = options.now ?? Date.now
  const journal = createJournal(now, config.journal)
  const started = await Promise.all(config.portals.map((portal, i) => startPortal(portal, { now, journal, seed: (config.seed ?? 1) + i })))
  const byName = new Map(started.map(({ portal }) => [portal.name, portal]))
  return {
    portal: (name) => {
      const found = byName.get(name)
      if (found === undefined) throw new Error(`there is no portal ${name}`)
      return found
    },
    portals: () => [...byName.values()],
    stop: async () => { await Promise.all(started.map(({ server }) => close(server))) }
  }
}

async function startPortal (config: PortalConfig, deps: { now: () => number, journal: Journal, seed: number }): Promise<{ portal: Portal, server: Server }> {
  const { now, journal } = deps
  const settings = settle(config)
  const faults = createFaults(seededChance(deps.seed))
  const outbox = createOutbox(settings, { faults, journal, now })
  const buckets = createBuckets(now)
  const counts = { requests: 0, refused: 0, throttled: 0, commands: 0, batches: 0 }
  const store = createStore(settings, now, (saved) => {
    journal.write(settings.name, { kind: 'save', dealId: saved.id, event: saved.kind, changed: saved.changed })
    if (saved.silent !== true) outbox.saved(saved)
    if (saved.type === 2 && saved.kind !== 'deleted' && faults.strike('data', { methods: [EVENTS[saved.kind]], text: String(saved.id) }, ['vanish']) !== undefined) store.remove(2, saved.id, settings.user_id)
  })
  const rest = createRest({
    settings, store, faults, journal, buckets, operating: createOperating(now), now,
    count: (what) => { counts[what] += 1 },
    pause: ms => ms <= 0 ? Promise.resolve() : new Promise(resolve => setTimeout(resolve, ms))
  })
  const server = createServer((request, response) => { rest(request, response).catch(() => { request.socket.destroy() }) })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(settings.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const by = settings.user_id
  const portal: Portal = {
    name: settings.name,
    port,
    restUrl: `http://127.0.0.1:${port}/rest/${settings.user_id}/${settings.secret}/`,
    create: fields => store.add(2, fields, by),
    update: (id, fields) => { store.update(2, id, fields, by) },
    // A stage names its funnel, so a person's move may lead to another one.
    move: (id, stage) => { store.update(2, id, { STAGE_ID: stage, CATEGORY_ID: Number(/^C(\d+):/.exec(stage)?.[1] ?? 0) }, by) },
    remove: (id) => { store.remove(2, id, by) },
    deal: id => store.all(2).get(id),
    deals: () => [...store.all(2).values()],
    journal: since => journal.of(settings.name, since),
    fault: faults.add,
    clearFaults: faults.clear,
    setWebhooks: outbox.set,
    stats: () => ({ ...counts, highestLevel: buckets.highest(), adds: addsByOrigin(journal.of(settings.name)) }),
    idle: outbox.idle,
    store
  }
  return { portal, server }
}

function addsByOrigin (entries: JournalEntry[]): Record<string, number> {
  const adds: Record<string, number> = {}
  for (const entry of entries) {
    if (entry.kind !== 'applied' || entry.method?.endsWith('.add') !== true || entry.originId === undefined) continue
    const pair = `${entry.originatorId ?? ''}/${entry.originId}`
    adds[pair] = (adds[pair] ?? 0) + 1
  }
  return adds
}

function close (server: Server): Promise<void> {
  return new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections() })
}
