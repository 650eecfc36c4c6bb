// The way of a webhook as reliability 4.4 has it: a portal that sends once, at a steady rate whatever became of the ones before
// (so a stall is seen in full), and a proxy before two ingests that leaves out the one that is down and asks the other once more.
import type { Call } from './evidence.ts'
import { SOURCES } from './names.ts'
import type { RigSystem } from './system.ts'

export interface Front {
  /** Sends until `until` (ms of the epoch), at `perSecond`; resolves when the last one has its answer. */
  send (until: number, perSecond: number): Promise<void>
  readonly calls: () => readonly Call[]
}

const EVENT = 'ONCRMDEALUPDATE'
const CHECK_MS = 250
const FALL = 2
const SERVER_MS = 10_000
// Far from the clock, so that no webhook of a portal is taken for one of ours.
const FIRST_TS = 1_000_000_000

interface Backend { readonly name: string, readonly port: number, misses: number, down: AbortController }

export function createFront (system: Pick<RigSystem, 'simulator' | 'canaries' | 'programs' | 'webhookPorts'>): Front {
  const calls: Call[] = []
  const backends = system.webhookPorts.map((port, i): Backend => ({ name: `ingest-${i + 1}`, port, misses: 0, down: new AbortController() }))
  const deals = new Map<string, string>()
  let turn = 0

  /** One deal of each portal is talked of all the time: its signals are as many as its webhooks, its attempts far fewer. */
  function dealOf (portal: string): string {
    const known = deals.get(portal) ?? String(system.simulator.portal(portal).create({ TITLE: 'The front\'s', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: 1, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: 'v1' }))
    deals.set(portal, known)
    return known
  }

  async function check (backend: Backend): Promise<void> {
    if (await system.programs.get(backend.name)?.isReady(CHECK_MS) === true) { backend.misses = 0; return }
    backend.misses += 1
    if (backend.misses !== FALL) return
    // What waits there is asked elsewhere.
    backend.down.abort()
    backend.down = new AbortController()
  }

  /** The last that is left is never left out. */
  function choose (without?: Backend): Backend | undefined {
    const others = backends.filter(each => each !== without)
    const up = others.filter(each => each.misses < FALL)
    const from = up.length > 0 ? up : others
    return from[turn++ % from.length]
  }

  async function post (backend: Backend | undefined, path: string, body: string): Promise<number> {
    if (backend === undefined) return 0
    const signal = AbortSignal.any([AbortSignal.timeout(SERVER_MS), backend.down.signal])
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return await fetch(`http://127.0.0.1:${backend.port}${path}`, { method: 'POST', body, headers, signal }).then(async (response) => { await response.arrayBuffer(); return response.status }, () => 0)
  }

  async function one (number: number): Promise<void> {
    const portal = SOURCES[number % SOURCES.length] ?? SOURCES[0]
    const [dealId, ts, at] = [dealOf(portal), FIRST_TS + number, Date.now()]
    const body = new URLSearchParams({ event: EVENT, 'data[FIELDS][ID]': dealId, ts: String(ts), 'auth[domain]': `${portal}.bitrix24.ru`, 'auth[application_token]': system.canaries[`${portal} token`] ?? '' }).toString()
    const path = `/webhook/bitrix24/${system.canaries[`${portal} signal`] ?? ''}`
    const first = choose()
    const answered = await post(first, path, body)
    const status = answered === 0 || answered === 503 ? await post(choose(first), path, body) : answered
    calls.push({ portal, event: EVENT, dealId, ts, at, ms: Date.now() - at, status })
  }

  return {
    calls: () => calls,
    async send (until, perSecond) {
      const checking = setInterval(() => { for (const backend of backends) void check(backend) }, CHECK_MS)
      const sent: Promise<void>[] = []
      const [began, first] = [Date.now(), calls.length]
      while (Date.now() < until) {
        sent.push(one(first + sent.length))
        // By the clock of the first one: whatever held this loop up is made up for, and is told as latency.
        await new Promise(resolve => setTimeout(resolve, Math.max(0, began + sent.length * 1000 / perSecond - Date.now())))
      }
      await Promise.all(sent).finally(() => clearInterval(checking))
    }
  }
}
