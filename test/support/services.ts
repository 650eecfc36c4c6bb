import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { partsUp } from '../../src/cli/parts/parts.ts'
import type { PartsReport } from '../../src/cli/parts/parts.ts'
import { areFree } from '../../src/cli/parts/ports.ts'
import { dropDatabase, ensureDatabases, inDatabase } from '../../src/platform/postgres-probe.ts'

/** Addresses of the real services of this test run. */
export type Services = Pick<PartsReport, 'kafka' | 'registry' | 'postgres' | 'redis'>

const PARTS = new URL('../../src/cli/parts/parts.ts', import.meta.url)
// Below the range from which systems take ports for outgoing connections.
const FIRST_PORT = 12000
const LAST_PORT = 31800
const USED = [0, 1, 2, 3, 4, 5, 10, 14, 20, 24]

let running: Promise<Services> | null = null

/**
 * The services for tests: those of DEALBRIDGE_TEST_PARTS (the JSON of `parts up`) when it is set, else real ones that this process
 * starts once in a temporary folder and removes when it ends. A SIGKILL of the process leaves them; the folder is on standard error.
 */
export function services (): Promise<Services> {
  running ??= given() ?? begin()
  return running
}

/** The first of 60 ports of which those that the parts use are free now; random, so that two test files rarely meet. */
export async function freePortBase (): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const base = FIRST_PORT + 60 * randomInt((LAST_PORT - FIRST_PORT) / 60)
    if (await areFree(USED.map(offset => base + offset))) return base
  }
  throw new Error('no 60 free ports in a row were found')
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
  const portBase = await freePortBase()
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

/**
 * A port that is free now. Not one that the system gives: it would lie where the ports of outgoing connections come from, and a
 * program that is to listen there a second later would find it in use.
 */
export async function freePort (): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT)
    if (await areFree([port])) return port
  }
  throw new Error('no free port was found')
}
