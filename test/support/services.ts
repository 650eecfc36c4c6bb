import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { partsUp } from '../../src/cli/parts/parts.ts'
import type { PartsReport } from '../../src/cli/parts/parts.ts'
import { dropDatabase, ensureDatabases, inDatabase } from '../../src/platform/postgres-probe.ts'
import { claimPorts } from './ports.ts'

/** Addresses of the real services of this test run. */
export type Services = Pick<PartsReport, 'kafka' | 'registry' | 'postgres' | 'redis'>

const PARTS = new URL('../../src/cli/parts/parts.ts', import.meta.url)

let running: Promise<Services> | null = null

/**
 * The services for tests: those of DEALBRIDGE_TEST_PARTS (the JSON of `parts up`) when it is set, else real ones that this process
 * starts once in a temporary folder and removes when it ends. A SIGKILL of the process leaves them; the folder is on standard error.
 */
export function services (): Promise<Services> {
  running ??= given() ?? begin()
  return running
}

/** Makes a database of a random name on the test PostgreSQL, gives its address, and drops it after the test. */
export async function freshDatabase (t: Pick<TestContext, 'after'>): Promise<string> {
  const { postgres } = await services()
  const name = `test_${randomBytes(6).toString('hex')}`
  await ensureDatabases(postgres, [name])
  t.after(() => dropDatabase(postgres, name))
  return inDatabase(postgres, name)
}

function given (): Promise<Services> | null {
  const text = process.env.DEALBRIDGE_TEST_PARTS
  if (text === undefined || text === '') return null
  process.stderr.write('services: those of DEALBRIDGE_TEST_PARTS\n')
  return Promise.resolve(JSON.parse(text) as Services)
}

async function begin (): Promise<Services> {
  const dir = mkdtempSync(join(tmpdir(), 'dealbridge-test-'))
  const portBase = await claimPorts()
  process.stderr.write(`services: own ones under ${dir}, ports from ${portBase}\n`)
  stopAtEnd(dir)
  return partsUp({ dir, portBase, brokers: 1 })
}

// At the end of a process nothing asynchronous runs any more, so another one stops them.
function stopAtEnd (dir: string): void {
  const script = `const { partsDown } = await import(${JSON.stringify(PARTS.href)}); await partsDown({ dir: ${JSON.stringify(dir)}, wipe: true })`
  process.once('exit', () => { spawnSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }) })
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => process.exit(code))
}
