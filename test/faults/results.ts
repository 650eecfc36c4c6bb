import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding } from '../rig/evidence.ts'
import type { SeedResult } from '../rig/campaign.ts'

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
  readonly notRun: readonly string[]
  /** Why the run proves nothing, if so. */
  readonly isVoid: readonly string[]
}

export function saveResult (name: string, result: CampaignResult): string {
  mkdirSync(RESULTS, { recursive: true })
  const file = path.join(RESULTS, `${name}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  return file
}

/** The last result of that name, or null when there is none. */
export function loadResult (name: string): CampaignResult | null {
  try { return JSON.parse(readFileSync(path.join(RESULTS, `${name}.json`), 'utf8')) as CampaignResult } catch { return null }
}

export function machineName (): string {
  return `${os.cpus().length} cores (${os.cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}, Node ${process.version}`
}
