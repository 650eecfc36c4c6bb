import pg from 'pg'

/**
 * Answers once PostgreSQL at `url` takes a query; throws what it said otherwise.
 *
 * The port opens before the server is ready: SQLSTATE 57P03 is thrown like a refused connection, and the caller asks again.
 */
export async function probePostgres (url: string): Promise<void> {
  await withClient(url, async (client) => { await client.query('select 1') })
}

/** Makes the databases `names` that are not there yet, over a connection to the database `postgres` of the server at `url`. */
export async function ensureDatabases (url: string, names: readonly string[]): Promise<void> {
  await withClient(inDatabase(url, 'postgres'), async (client) => {
    for (const name of names) {
      const there = await client.query('select 1 from pg_database where datname = $1', [name])
      if (there.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
    }
  })
}

/** Drops a database together with the connections to it. */
export async function dropDatabase (url: string, name: string): Promise<void> {
  await withClient(inDatabase(url, 'postgres'), async (client) => {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`)
  })
}

/** The same server and user as `url`, another database. */
export function inDatabase (url: string, name: string): string {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

async function withClient (url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000, query_timeout: 10000 })
  // A connection that breaks after its query has no one else to hear it.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
