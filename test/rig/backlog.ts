import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { readJournal } from '../../simulator/journal.ts'
import { budgetShare, highestLevel, refusedRequests } from '../../simulator/oracle.ts'
import { budget } from '../oracles/i12-budget.ts'
import { oneTargetDeal } from '../oracles/i03-one-target-deal.ts'
import type { Chance } from '../support/chance.ts'
import { eventually } from '../support/eventually.ts'
import { createCompanions } from './companions.ts'
import type { Finding } from './evidence.ts'
import { SOURCES, TARGET } from './names.ts'
import { startRig } from './system.ts'
import type { RigSystem } from './system.ts'
import { SHORT } from './times.ts'

/** What a plan of Bitrix24 allows: 2 requests a second, 50 at once. */
const REAL = { per_second: 2, burst: 50 }
const READY_MS = 120_000
const LANDS_MS = 600_000
const DISPATCHERS = ['dispatcher-1', 'dispatcher-2'] as const

/** How a backlog was worked off on the limits of a real portal. `share`: of what the budget allowed between the first and the last request. */
export interface BacklogResult {
  readonly deals: number
  readonly landedMs: number
  readonly requests: number
  readonly refused: number
  readonly share: number
  readonly highest: number
  /** How many deals had landed when Redis was emptied, and when the dispatcher at work was killed. */
  readonly flushedAt: number
  readonly killedAt: number
  readonly killed: string
  readonly findings: readonly Finding[]
}

/**
 * A backlog of deals, two dispatchers, and a target with the limits of a real portal. When a third has landed Redis is emptied (FLUSHALL),
 * when two thirds have, the dispatcher that writes is killed and started again. All must land, once, and nothing be refused (I3, I12).
 */
export async function workOffBacklog ({ deals, chance, say }: { deals: number, chance: Chance, say: (line: string) => void }): Promise<BacklogResult> {
  const system = await startRig({ times: SHORT, targetLimits: REAL })
  try {
    return await workOff(system, { deals, chance, say })
  } finally { await system.end() }
}

async function workOff (system: RigSystem, { deals, chance, say }: { deals: number, chance: Chance, say: (line: string) => void }): Promise<BacklogResult> {
  const others = [...system.programs.values()].filter(program => !isDispatcher(program.name))
  for (const program of others) program.start()
  await eventually(async () => (await Promise.all(others.map(program => program.isReady()))).every(Boolean), { deadlineMs: READY_MS, everyMs: 250 })
  const companions = createCompanions(system, chance)
  for (let i = 0; i < deals; i += 1) {
    const portal = SOURCES[i % SOURCES.length] ?? SOURCES[0]
    system.simulator.portal(portal).create({ TITLE: `Deal ${i}`, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: i, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: 'v1', ...companions.choose(portal) })
  }
  await Promise.all(SOURCES.map(name => system.simulator.portal(name).idle()))
  const landed = (): number => new Set(system.watch.targetSaves().map(save => save.origin)).size
  const began = Date.now()
  for (const name of DISPATCHERS) system.programs.get(name)?.start()
  await eventually(() => landed() >= deals / 3, { deadlineMs: LANDS_MS })
  const flushedAt = landed()
  await flush(system.redis)
  say(`Redis was emptied after ${flushedAt} deals`)
  await eventually(() => landed() >= deals * 2 / 3, { deadlineMs: LANDS_MS })
  const killed = ownerOf(system)
  const killedAt = landed()
  system.programs.get(killed)?.signal('SIGKILL')
  say(`${killed} was killed after ${killedAt} deals`)
  setTimeout(() => system.programs.get(killed)?.start(), 2000)
  await eventually(() => landed() >= deals, { deadlineMs: LANDS_MS, everyMs: 100 })
  const landedMs = Date.now() - began
  const journal = readJournal(system.journalFile)
  const inTarget = journal.filter(entry => entry.portal === TARGET)
  return {
    deals, landedMs, flushedAt, killedAt, killed, requests: inTarget.filter(entry => entry.kind === 'received').length, refused: refusedRequests(inTarget).length,
    share: budgetShare(inTarget, REAL), highest: highestLevel(inTarget), findings: [...budget({ journal, refusing: [] }), ...oneTargetDeal({ journal, target: TARGET })]
  }
}

function isDispatcher (name: string): boolean {
  return (DISPATCHERS as readonly string[]).includes(name)
}

/** Who took the target's lease last, by the processes' own records. */
function ownerOf (system: RigSystem): string {
  const taken = DISPATCHERS.flatMap((name) => {
    const lines = readFileSync(system.programs.get(name)?.logFile ?? '', 'utf8').split('\n').filter(line => line.includes('"lease_taken"') && line.includes(`"target":"${TARGET}"`))
    return lines.map(line => ({ name, at: (JSON.parse(line) as { timestamp: string }).timestamp }))
  })
  return taken.toSorted((a, b) => a.at < b.at ? -1 : 1).at(-1)?.name ?? DISPATCHERS[0]
}

async function flush (url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.flushall().finally(() => redis.disconnect())
}
