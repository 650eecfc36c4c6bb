import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { AppError } from './errors.ts'
import { inTransaction } from './postgres.ts'
import type { Client, Pool } from './postgres.ts'

interface Migration { readonly number: number, readonly name: string, readonly text: string, readonly sha256: string }

// Any number will do as long as everyone who migrates takes the same one.
const MIGRATION_LOCK = 7_350_221_001n
const TEN_MINUTES_MS = 600_000

/**
 * Brings the database to the newest numbered file of `dir`, forward only, all in one transaction under an advisory
 * lock: two at once wait for each other, and a failed file leaves nothing behind. Gives the names that were applied.
 * Throws `AppError` (`part_failed`) when an applied file was changed or removed, or numbers are missing or double.
 */
export async function migrate (pool: Pool, dir: string): Promise<string[]> {
  const files = readMigrations(dir)
  return await inTransaction(pool, async (client) => {
    // The pool's limits are for business statements; a migration may wait for another one and then build an index.
    await client.query('set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0')
    await patiently(client, `select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
    await createLedger(client)
    const applied = await readLedger(client)
    refuseChanges(files, applied)
    const due = files.filter(file => !applied.has(file.number))
    for (const file of due) {
      await patiently(client, file.text).catch((error: unknown) => {
        throw new AppError('part_failed', `the migration ${file.name} failed and nothing was changed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      })
      await addToLedger(client, file)
    }
    return due.map(file => file.name)
  })
}

/**
 * Makes the role `analyst` (contract 6): log-in, read-only, 30 s per statement, the views of schema `read` and nothing
 * else; this database's owner may SET ROLE to it. Without a password an existing one stays. Safe to repeat.
 * The password leaves this process only as its SCRAM verifier, so that no statement log can hold it.
 * Roles belong to the whole cluster, so databases beside this one may do the same at once: those clashes are repeated.
 * Throws `AppError` (`part_failed`) when the owner may not create roles.
 */
export async function ensureAnalyst (pool: Pool, password: string | undefined): Promise<void> {
  const verifier = password === undefined ? undefined : scramVerifier(password)
  for (let tries = 1; ; tries++) {
    try { return await inTransaction(pool, client => grantAnalyst(client, verifier)) } catch (error) {
      if (isRoleClash(error) && tries < 20) continue
      if (sqlState(error) === '42501') throw new AppError('part_failed', 'the database user may not make the role analyst: give it CREATEROLE, or create the role once as an administrator and grant it WITH ADMIN OPTION', { cause: error })
      throw error
    }
  }
}

async function grantAnalyst (client: Client, verifier: string | undefined): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
  const { rows: roles } = await client.query('select 1 from pg_roles where rolname = $1', ['analyst'])
  if (roles.length === 0) await client.query('create role analyst login')
  const { rows } = await client.query<{ database: string }>('select quote_ident(current_database()) as database')
  const database = rows[0]?.database ?? ''
  await client.query(`
    alter role analyst with login${verifier === undefined ? '' : ` password '${verifier}'`};
    alter role analyst set statement_timeout = '30s';
    alter role analyst set default_transaction_read_only = on;
    revoke create on schema public from public;
    revoke temporary on database ${database} from public;
    grant connect on database ${database} to analyst;
    grant usage on schema read to analyst;
    grant select on all tables in schema read to analyst;
    alter default privileges in schema read grant select on tables to analyst;
    grant analyst to current_user`)
}

function scramVerifier (password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, 4096, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const storedKey = createHash('sha256').update(clientKey).digest('base64')
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64')
  return `SCRAM-SHA-256$4096:${salt.toString('base64')}$${storedKey}:${serverKey}`
}

// The client's own time-out is per statement and not in the types of pg.
async function patiently (client: Client, text: string): Promise<void> {
  const query = { text, query_timeout: TEN_MINUTES_MS }
  await client.query(query)
}

function readMigrations (dir: string): Migration[] {
  const files = readdirSync(dir).filter(name => /^[0-9]{6}_.+\.sql$/.test(name)).sort().map((name) => {
    const text = readFileSync(path.join(dir, name), 'utf8')
    return { number: Number(name.slice(0, 6)), name, text, sha256: createHash('sha256').update(text).digest('hex') }
  })
  files.forEach((file, index) => {
    if (file.number !== index + 1) throw new AppError('part_failed', `the migration files must be numbered 000001, 000002, … without gaps; ${file.name} stands where ${String(index + 1).padStart(6, '0')} is due`)
  })
  return files
}

function refuseChanges (files: readonly Migration[], applied: ReadonlyMap<number, { name: string, sha256: string }>): void {
  for (const file of files) {
    const before = applied.get(file.number)
    if (before !== undefined && before.sha256 !== file.sha256) {
      throw new AppError('part_failed', `the migration ${file.name} was changed after this database had applied it; put the file back as it was and write the change as a new migration`)
    }
  }
}

async function createLedger (client: Client): Promise<void> {
  await client.query('create table if not exists public.dealbridge_migration (number integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())')
}

async function readLedger (client: Client): Promise<Map<number, { name: string, sha256: string }>> {
  const { rows } = await client.query<{ number: number, name: string, sha256: string }>('select number, name, sha256 from public.dealbridge_migration order by number')
  return new Map(rows.map(row => [row.number, row]))
}

async function addToLedger (client: Client, file: Migration): Promise<void> {
  await client.query('insert into public.dealbridge_migration (number, name, sha256) values ($1, $2, $3)', [file.number, file.name, file.sha256])
}

function sqlState (error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

// duplicate_object, unique_violation and "tuple concurrently updated": another database made or altered the role just now.
function isRoleClash (error: unknown): boolean {
  return ['42710', '23505', 'XX000', '40001', '40P01'].includes(sqlState(error))
}
