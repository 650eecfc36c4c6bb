// A program that keeps signals on disk until it is killed, and says each one that it was told is kept.
// Arguments: folder, prefix of the deal ids, and `early`, which plants a bug: it answers before anything is written.
import { createMemoryLog } from '../../src/eventlog/memory-log.ts'
import type { EventLog } from '../../src/eventlog/port.ts'
import { createSegmentWriter } from '../../src/ingest/spool/segments.ts'
import { createSpool } from '../../src/ingest/spool/spool.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import { spooled } from './spooled.ts'

const [dir = '', prefix = '1', plant] = process.argv.slice(2)
const log: EventLog = { ...createMemoryLog(), isWritable: () => false }
const early = (folder: string): ReturnType<typeof createSegmentWriter> => {
  const real = createSegmentWriter(folder)
  return { ...real, append (payloads) { setTimeout(() => void real.append(payloads), 300); return Promise.resolve() } }
}
const spool = createSpool({ dir, log, logger: createLogger('spooler', 'error'), registry: createRegistry(), limitBytes: 1e9, createWriter: plant === 'early' ? early : createSegmentWriter })
await spool.start()
for (let i = 0; ; i += 1) {
  await Promise.all(Array.from({ length: 7 }, async (_, deal) => {
    const event = spooled(`${prefix}${deal}`, i)
    if (await spool.keep(event) === 'kept') process.stdout.write(`${event.dealId} ${i}\n`)
  }))
  await new Promise(resolve => setImmediate(resolve))
}
