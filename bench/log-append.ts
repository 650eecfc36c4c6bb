// How many events a second 50 callers append to the log on one broker, each waiting for its acknowledgement.
// Prints one JSON object. Its own parts, or those of DEALBRIDGE_TEST_PARTS.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { signalOf } from '../src/eventlog/contract.ts'
import { createKafkaLog } from '../src/eventlog/kafka-log.ts'
import { initLog } from '../src/eventlog/topics.ts'
import { createLogger } from '../src/platform/logger.ts'
import { Registry } from '../src/platform/metrics.ts'
import { services } from '../test/support/services.ts'

const CALLERS = 50
const SECONDS = 10
const parts = await services()
const options = { kafka: { brokers: parts.kafka, clientId: 'bench' }, registryUrl: parts.registry, logger: createLogger('bench', 'error'), topicPrefix: `bench-${randomBytes(6).toString('hex')}-` }
await initLog(options)
const dataDir = mkdtempSync(path.join(os.tmpdir(), 'dealbridge-bench-'))
const log = await createKafkaLog({ ...options, dataDir, registry: new Registry() })
const payload = JSON.stringify({ event: 'ONCRMDEALUPDATE', filler: 'x'.repeat(300) })

await run(3)
const times = await run(SECONDS)
const sorted = Float64Array.from(times).sort()
await log.close(5000)
rmSync(dataDir, { recursive: true, force: true })
process.stdout.write(`${JSON.stringify({ bench: 'log-append', at: new Date().toISOString(), cpu: os.cpus()[0]?.model, cores: os.cpus().length, callers: CALLERS, appended: sorted.length, perSecond: Math.round(sorted.length / SECONDS), p50Ms: share(0.5), p99Ms: share(0.99) })}\n`)
process.exit()

/** All callers append for so many seconds; gives how long each append took. */
async function run (seconds: number): Promise<number[]> {
  const took: number[] = []
  const end = performance.now() + seconds * 1000
  await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
    for (let i = 0; performance.now() < end; i += 1) {
      const begun = performance.now()
      await log.append(signalOf(caller * 1000 + i % 1000, { payload }))
      took.push(performance.now() - begun)
    }
  }))
  return took
}

function share (of: number): number {
  return Math.round((sorted[Math.floor(sorted.length * of)] ?? 0) * 100) / 100
}
