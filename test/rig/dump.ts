import { createKafkaLog } from '../../src/eventlog/kafka-log.ts'
import type { EventLog, LogRecord, Topic } from '../../src/eventlog/port.ts'
import { QUARANTINE } from '../../src/eventlog/topics.ts'
import { createKafka, topicEnds } from '../../src/platform/kafka.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createRegistry } from '../../src/platform/metrics.ts'
import type { Pool } from '../../src/platform/postgres.ts'
import type { CheckpointRow, DealRow, LogDump, LoggedOutcome, LoggedSignal, Tables, WorkRow } from './evidence.ts'

const TOPICS: readonly Topic[] = ['deal-signals', 'deal-transfers']

/** The whole log in memory; each look reads only what came since. */
export interface Dump {
  look (): Promise<LogDump>
  /** All records of a partition, in order, as the reader decodes them. */
  records (): ReadonlyMap<string, readonly LogRecord[]>
  /** Puts a record into the log, as a command of the product would. */
  readonly append: EventLog['append']
  close (): Promise<void>
}

export async function openDump (options: { brokers: readonly string[], registryUrl: string, dataDir: string }): Promise<Dump> {
  const kafka = { brokers: options.brokers, clientId: 'rig-dump' }
  const log = await createKafkaLog({ kafka, registryUrl: options.registryUrl, dataDir: options.dataDir, logger: createLogger('rig', 'error'), registry: createRegistry() })
  const records = new Map<string, LogRecord[]>()
  const ends = new Map<string, bigint>()
  return {
    records: () => records,
    append: event => log.append(event),
    close: () => log.close(1000),
    async look () {
      for (const topic of TOPICS) await readOn(log, topic, { records, ends })
      const all = [...records.values()].flat()
      return {
        signals: all.flatMap(record => record.event.type === 'DealChangeSignalled' ? [{ ...record.event, partition: record.partition, offset: record.offset } satisfies LoggedSignal] : []),
        outcomes: all.flatMap(record => record.event.type === 'DealChangeSignalled' ? [] : [{ ...record.event, partition: record.partition, offset: record.offset } satisfies LoggedOutcome]),
        ends: new Map(ends),
        quarantined: await countQuarantined(kafka)
      }
    }
  }
}

async function readOn (log: EventLog, topic: Topic, { records, ends }: { records: Map<string, LogRecord[]>, ends: Map<string, bigint> }): Promise<void> {
  const from = new Map([...(await log.ends(topic)).keys()].map(partition => [partition, ends.get(`${topic}/${partition}`) ?? 0n] as const))
  await log.read(topic, from, (batch) => {
    const key = `${topic}/${batch.partition}`
    records.set(key, [...records.get(key) ?? [], ...batch.records])
    ends.set(key, batch.nextOffset)
    return Promise.resolve()
  })
}

async function countQuarantined (options: Parameters<typeof createKafka>[0]): Promise<number> {
  const admin = createKafka(options).admin()
  await admin.connect()
  try {
    return Number([...(await topicEnds(admin, QUARANTINE)).values()].reduce((sum, end) => sum + end, 0n))
  } finally { await admin.disconnect() }
}

/** What the dispatcher and the read models hold now. */
export async function readTables (pool: Pool): Promise<Tables> {
  const work = await pool.query<WorkRow>('select portal, deal_id, status, last_offset, signal_count, covered_count, link, reason from dispatch.work')
  const deals = await pool.query<DealRow>('select portal, deal_id, signals_seen, open, applied, unchanged, superseded, skipped, parked, state, target_deal_id, title, stage, reason from read_v1.deal')
  const attention = await pool.query<{ portal: string, deal_id: string, state: string }>('select portal, deal_id::text, state from read.attention')
  const checkpoints = await pool.query<CheckpointRow>(`
    select 'dispatcher' as reader, topic, partition, next_offset from dispatch.checkpoint where topic = 'deal-signals'
    union all select 'projector', topic, partition, next_offset from read_v1.checkpoint`)
  return { work: work.rows, deals: deals.rows, attention: attention.rows, checkpoints: checkpoints.rows }
}
