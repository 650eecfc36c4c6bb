import pg from 'pg'
import { messageOf } from './logger.ts'
import type { Logger } from './logger.ts'

export type Pool = pg.Pool
export type Client = pg.PoolClient
export type Queryable = Pick<pg.Pool, 'query'>

// int8 as bigint, timestamptz as Date, numeric stays a string: offsets are never numbers, money is never a float.
pg.types.setTypeParser(20, text => BigInt(text))

/** A pool by the settings of docs (clients): a client time-out means that the outcome is unknown, never "did not happen". */
export function createPool (url: string, options: { name: string, logger: Logger, max?: number }): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 20,
    connectionTimeoutMillis: 2000,
    idleTimeoutMillis: 30000,
    statement_timeout: 5000,
    lock_timeout: 2000,
    idle_in_transaction_session_timeout: 10000,
    query_timeout: 6000,
    keepAlive: true,
    application_name: `dealbridge-${options.name}`
  })
  // Without a listener one lost idle connection ends the process.
  pool.on('error', error => options.logger.log('warning', 'postgres_connection_lost', { error: messageOf(error) }))
  // The pool listens to idle connections alone. One that breaks in somebody's hands would end the process as well, between two
  // statements or after it was given back broken; whoever holds it is told by its next statement.
  pool.on('connect', (client) => { client.on('error', () => undefined) })
  return pool
}

/** Runs `work` in one transaction on a connection of its own; after a failure the connection is thrown away. */
export async function inTransaction<T> (pool: Pool, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}
