import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '../../platform/errors.ts'
import { findParts } from './found.ts'
import type { Found } from './found.ts'
import { kafkaAddresses, kafkaParts } from './kafka.ts'
import { locked } from './lock.ts'
import type { Part, Place } from './part.ts'
import { assertPortsFree } from './ports.ts'
import { postgresAddress, postgresPart } from './postgres.ts'
import { forgetPostgresHome } from './postgres-home.ts'
import { lastLines, pidOf, start, stop } from './process.ts'
import { redisAddress, redisPart } from './redis.ts'
import { registryAddress, registryPart } from './registry.ts'
import { newClusterId, readPlace, writePlace } from './state.ts'
import { until } from './until.ts'

/** Addresses of the parts, and the pids of the servers that run, by name (`kafka-1`, `registry`, `postgres`, `redis`). */
export interface PartsReport {
  readonly kafka: readonly string[]
  readonly registry: string
  readonly postgres: string
  readonly redis: string
  readonly pids: Readonly<Record<string, number>>
}

export type Say = (line: string) => void

const READY_MS = 90000
// The registry never listens when its database went away while it was starting, and does not end either.
const HUNG_MS = 45000

/**
 * Starts what does not run of the parts of `dir`, with its data, and keeps what runs; returns when each of them answers.
 *
 * The servers are detached: they outlive this process. When one cannot be started, those that this call started are stopped
 * again. One that runs and does not answer for `hungMs` (45 s; for tests) is stopped and started once more. `advertisedPort` is for a
 * proxy before a single broker (given anew at each call: it is not kept). Throws `part_missing` before anything is started when a program is not there, `part_failed` with a sentence else.
 */
export async function partsUp (options: { dir: string, portBase: number, brokers: 1 | 3, advertisedPort?: number, hungMs?: number, say?: Say }): Promise<PartsReport> {
  const found = findParts()
  const dir = resolve(options.dir)
  const say = options.say ?? (() => undefined)
  return locked(dir, async () => {
    const place = placeFor(dir, options, found)
    const { kafka, registry, postgres, redis } = partsOf(place, found)
    const started: Part[] = []
    const bring = async (part: Part): Promise<void> => {
      if (await startIfDown(part, say)) started.push(part)
      await ready(part, { hungMs: options.hungMs ?? HUNG_MS, say })
      say(`${part.name} answers`)
    }
    const results = await Promise.allSettled([...kafka.map(bring), bring(redis), bring(postgres).then(() => bring(registry))])
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) {
      await Promise.all(started.map(stop))
      throw failed.reason
    }
    return report(place, found)
  })
}

/** Stops registry, Kafka, Redis and PostgreSQL in this order and waits until they are gone; `wipe` removes their files too. */
export async function partsDown (options: { dir: string, wipe: boolean, say?: Say }): Promise<void> {
  const dir = resolve(options.dir)
  if (!existsSync(dir)) return
  await locked(dir, async () => {
    const place = readPlace(dir)
    if (place !== null) {
      const { kafka, registry, postgres, redis } = partsOf(place, found())
      for (const group of [[registry], kafka, [redis], [postgres]]) {
        await Promise.all(group.map(stop))
        options.say?.(`${group.map(part => part.name).join(', ')} stopped`)
      }
    }
    if (options.wipe) wipe(dir)
  })
  // The lock was the last thing in it.
  if (options.wipe && existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir)
}

/** The addresses of the parts of `dir` and the pids of those that run; throws `part_missing` when none were ever started there. */
export async function partsStatus (options: { dir: string }): Promise<PartsReport> {
  await Promise.resolve()
  const dir = resolve(options.dir)
  const place = readPlace(dir)
  if (place === null) throw new AppError('part_missing', `No parts were started under ${dir}; start them with: parts up --dir ${dir} --port-base 19000`)
  return report(place, found())
}

// To stop or to name what runs nobody has to find the programs again.
function found (): Found {
  try {
    return findParts()
  } catch {
    return { java: '', javaRegistry: '', javaVersion: 0, kafkaLibs: '', registryDir: '', redisServer: '', postgresBin: '' }
  }
}

function placeFor (dir: string, options: { portBase: number, brokers: 1 | 3, advertisedPort?: number }, found: Found): Place {
  const { portBase, brokers } = options
  const before = readPlace(dir)
  if (before !== null && before.brokers !== brokers) {
    throw new AppError('part_failed', `The Kafka under ${dir} was made with --brokers ${before.brokers}; keep that number, or remove it with: parts down --dir ${dir} --wipe`)
  }
  if (before !== null && before.portBase !== portBase && Object.keys(report(before, found).pids).length > 0) {
    throw new AppError('part_failed', `The parts under ${dir} run on --port-base ${before.portBase}; keep it, or stop them first with: parts down --dir ${dir}`)
  }
  const place = { dir, portBase, brokers, clusterId: before?.clusterId ?? newClusterId(), advertisedPort: options.advertisedPort }
  writePlace(place)
  return place
}

function partsOf (place: Place, found: Found): { kafka: Part[], registry: Part, postgres: Part, redis: Part } {
  return { kafka: kafkaParts(place, found), registry: registryPart(place, found), postgres: postgresPart(place, found), redis: redisPart(place, found) }
}

async function startIfDown (part: Part, say: Say): Promise<boolean> {
  const running = pidOf(part)
  if (running !== null) {
    say(`${part.name} runs already (pid ${running})`)
    return false
  }
  await assertPortsFree(part)
  await part.prepare()
  say(`${part.name} started (pid ${start(part)})`)
  return true
}

async function ready (part: Part, { hungMs, say }: { hungMs: number, say: Say }): Promise<void> {
  try {
    await answers(part, hungMs)
  } catch (error) {
    if (error instanceof AppError) throw error
    say(`${part.name} runs and does not answer; it is started again`)
    await stop(part)
    start(part)
    await answers(part, READY_MS).catch((again: unknown) => {
      if (again instanceof AppError) throw again
      throw new AppError('part_failed', `${part.name} does not answer (${String(again)}); its log is ${part.logFile}`, { cause: again })
    })
  }
}

// A server that ends while it starts is started again: after a kill -9 the children of PostgreSQL hold its memory for a moment.
async function answers (part: Part, deadlineMs: number): Promise<void> {
  let starts = 0
  let startedAt = performance.now()
  const gaveUp = (): Error | null => {
    if (pidOf(part) !== null || performance.now() - startedAt < 1000) return null
    if (++starts > 3) return new AppError('part_failed', `${part.name} ended while it was starting; the end of ${part.logFile}:\n${lastLines(part.logFile, 5)}`)
    start(part)
    startedAt = performance.now()
    return null
  }
  await until(part.probe, { deadlineMs, everyMs: 100, unless: gaveUp })
}

function report (place: Place, found: Found): PartsReport {
  const { kafka, registry, postgres, redis } = partsOf(place, found)
  const pids = [...kafka, registry, postgres, redis].map(part => [part.name, pidOf(part)] as const).filter((pair): pair is readonly [string, number] => pair[1] !== null)
  return { kafka: kafkaAddresses(place), registry: registryAddress(place), postgres: postgresAddress(place), redis: redisAddress(place), pids: Object.fromEntries(pids) }
}

// Only what is ours: the folder may have been given by mistake.
function wipe (dir: string): void {
  forgetPostgresHome(dir)
  const ours = /^(kafka-\d(\.new)?(\.properties|\.pid)?|registry\.pid|redis(\.conf|\.pid)?|postgres(\.new|\.password|\.at|\.pid)?|classes|logs|parts\.json)(\.\d+\.new)?$/
  for (const name of readdirSync(dir)) if (ours.test(name)) rmSync(join(dir, name), { recursive: true, force: true })
}
