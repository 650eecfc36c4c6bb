import type { EventLog, Topic } from '../eventlog/port.ts'
import type { Queryable } from '../platform/postgres.ts'

/** Records of each topic that are not in the read models yet. */
export interface Lag { readonly signals: bigint, readonly transfers: bigint }

/** Measures the lag now. Throws when the log or PostgreSQL does not answer. */
export async function readLag (log: Pick<EventLog, 'ends'>, db: Queryable): Promise<Lag> {
  const { rows } = await db.query<{ topic: string, partition: number, next_offset: bigint }>(
    `select topic, partition, next_offset from read_v1.checkpoint where projection = 'read_v1'`)
  const done = new Map(rows.map(row => [`${row.topic} ${row.partition}`, row.next_offset]))
  const behind = async (topic: Topic): Promise<bigint> => {
    let sum = 0n
    for (const [partition, end] of await log.ends(topic)) {
      const next = done.get(`${topic} ${partition}`) ?? 0n
      if (end > next) sum += end - next
    }
    return sum
  }
  return { signals: await behind('deal-signals'), transfers: await behind('deal-transfers') }
}
