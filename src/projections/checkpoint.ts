import type { Queryable } from '../platform/postgres.ts'

export interface Partition { readonly topic: string, readonly partition: number }

const PROJECTION = 'read_v1'

/** Makes the row of a partition's first chunk, so that there is something to lock. */
export async function beginCheckpoint (db: Queryable, at: Partition): Promise<void> {
  await db.query({
    name: 'checkpoint-begin',
    text: 'insert into read_v1.checkpoint (projection, topic, partition, next_offset) values ($1, $2, $3, 0) on conflict do nothing',
    values: [PROJECTION, at.topic, at.partition]
  })
}

/** The first offset that is not in the rows. The row stays locked to the end of the transaction and fences a second reader. */
export async function lockCheckpoint (db: Queryable, at: Partition): Promise<bigint> {
  const { rows } = await db.query<{ next_offset: bigint }>({
    name: 'checkpoint-lock',
    text: 'select next_offset from read_v1.checkpoint where projection = $1 and topic = $2 and partition = $3 for update',
    values: [PROJECTION, at.topic, at.partition]
  })
  const row = rows[0]
  if (row === undefined) throw new Error(`the checkpoint of ${at.topic} ${at.partition} went away`)
  return row.next_offset
}

/** Moves the checkpoint; belongs into the transaction of the rows. */
export async function moveCheckpoint (db: Queryable, at: Partition, next: bigint): Promise<void> {
  await db.query({
    name: 'checkpoint-move',
    text: 'update read_v1.checkpoint set next_offset = $4 where projection = $1 and topic = $2 and partition = $3',
    values: [PROJECTION, at.topic, at.partition, next]
  })
}
