import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding } from '../rig/evidence.ts'
import type { BacklogResult } from '../rig/backlog.ts'
import type { SeedResult } from '../rig/campaign.ts'
import type { StormResult } from '../rig/storm.ts'

/** Where campaigns leave their results, one file for each kind; not committed, `npm run faults:report` makes docs/proof.md of them. */
export const RESULTS = fileURLToPath(new URL('../../.dealbridge/faults/', import.meta.url))

/** How a kill point came out: whether it was hit, and what the oracles found. */
export interface KillPointResult { readonly point: string, readonly action: string, readonly process: string, readonly occurrence: number, readonly hits: number, readonly findings: readonly Finding[] }

export interface CampaignResult {
  readonly command: string
  readonly at: string
  readonly commit: string
  readonly machine: string
  readonly seconds: number
  readonly seeds: readonly SeedResult[]
  readonly points: readonly KillPointResult[]
  /** Of what is asked once at the end. */
  readonly findings: readonly Finding[]
  /** Absent where no storm was made. */
  readonly storms?: readonly StormResult[]
  readonly notRun: readonly string[]
  /** Why the run proves nothing, if so. */
  readonly isVoid: readonly string[]
}

/** The scenario of the budget and how it was run. */
export interface BudgetResult extends BacklogResult { readonly command: string, readonly at: string, readonly commit: string, readonly machine: string, readonly seconds: number }

export function saveResult (name: string, result: CampaignResult): string {
  return save(name, result)
}

/** The last result of that name, or null when there is none. */
export function loadResult (name: string): CampaignResult | null {
  return load(name) as CampaignResult | null
}

export function saveBudget (result: BudgetResult): string {
  return save('budget', result)
}

export function loadBudget (): BudgetResult | null {
  return load('budget') as BudgetResult | null
}

function save (name: string, result: unknown): string {
  mkdirSync(RESULTS, { recursive: true })
  const file = path.join(RESULTS, `${name}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  return file
}

function load (name: string): unknown {
  try { return JSON.parse(readFileSync(path.join(RESULTS, `${name}.json`), 'utf8')) } catch { return null }
}

export function machineName (): string {
  return `${os.cpus().length} cores (${os.cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}, Node ${process.version}`
}
