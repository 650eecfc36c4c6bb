import assert from 'node:assert/strict'
import { cpSync, appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { freshDatabase } from '../../test/support/services.ts'
import { createLogger } from './logger.ts'
import { ensureAnalyst, migrate } from './migrations.ts'
import { createPool } from './postgres.ts'
import type { Pool } from './postgres.ts'

const logger = createLogger('test', 'error')

async function setUp (t: TestContext): Promise<{ pool: Pool, url: string, dir: string }> {
  const url = await freshDatabase(t)
  const pool = createPool(url, { name: 'test', logger })
  t.after(() => pool.end())
  const dir = mkdtempSync(path.join(tmpdir(), 'migrations-'))
  t.after(() => { rmSync(dir, { recursive: true }) })
  cpSync(new URL('../../migrations', import.meta.url).pathname, dir, { recursive: true })
  return { pool, url, dir }
}

test('two that migrate at once apply every file once, and a repetition applies none', async (t) => {
  const { pool, dir } = await setUp(t)
  const applied = await Promise.all([migrate(pool, dir), migrate(pool, dir), migrate(pool, dir)])
  const { rows } = await pool.query<{ name: string }>('select name from public.dealbridge_migration order by number')
  assert.ok(rows.length >= 2)
  assert.deepEqual(applied.flat().sort(), rows.map(row => row.name))
  assert.deepEqual(await migrate(pool, dir), [])
})

test('a file that was changed after it was applied is refused in plain words', async (t) => {
  const { pool, dir } = await setUp(t)
  await migrate(pool, dir)
  appendFileSync(path.join(dir, '000001_dispatch.sql'), '\n-- later\n')
  await assert.rejects(migrate(pool, dir), /000001_dispatch\.sql was changed after this database had applied it/)
})

test('a file that fails leaves nothing of any file', async (t) => {
  const { pool, dir } = await setUp(t)
  writeFileSync(path.join(dir, '999999_x.sql'), 'select 1')
  await assert.rejects(migrate(pool, dir), /without gaps/)
  rmSync(path.join(dir, '999999_x.sql'))
  const names = await migrate(pool, dir)
  const next = String(names.length + 1).padStart(6, '0')
  writeFileSync(path.join(dir, `${next}_bad.sql`), 'create table public.half (); select 1 / 0;')
  await assert.rejects(migrate(pool, dir), /failed and nothing was changed: division by zero/)
  const { rows } = await pool.query<{ there: string | null }>(`select to_regclass('public.half') as there`)
  assert.equal(rows[0]?.there, null)
})

test('the analyst reads the views and can do nothing else', async (t) => {
  const { pool, dir, url } = await setUp(t)
  await migrate(pool, dir)
  await Promise.all([ensureAnalyst(pool, 'analyst-password'), ensureAnalyst(pool, 'analyst-password')])
  await ensureAnalyst(pool, undefined)
  const address = new URL(url)
  address.username = 'analyst'
  address.password = 'analyst-password'
  const analyst = createPool(address.href, { name: 'analyst', logger })
  t.after(() => analyst.end())
  for (const view of ['deal', 'transfer', 'deal_timeline', 'portal_hour', 'funnel', 'attention', 'gap']) assert.deepEqual((await analyst.query(`select * from read.${view}`)).rows, [])
  const refused = ['select * from read_v1.deal', 'select * from dispatch.work', 'select * from public.dealbridge_migration', 'delete from read.gap', 'create table public.mine ()', 'create temporary table mine ()', 'create table read.mine ()']
  for (const statement of refused) await assert.rejects(analyst.query(`set transaction read write; ${statement}`), /permission denied/, statement)
  await pool.query('set role analyst; reset role')
  const { rows } = await pool.query<{ rolconfig: string[] }>(`select rolconfig from pg_roles where rolname = 'analyst'`)
  assert.ok(rows[0]?.rolconfig.includes('statement_timeout=30s'))
})

test('every view of read and every column of it has a comment', async (t) => {
  const { pool, dir } = await setUp(t)
  await migrate(pool, dir)
  const { rows } = await pool.query<{ name: string, is_view: boolean, said: string | null }>(`
    select c.relname || coalesce('.' || a.attname, '') as name, a.attname is null as is_view, case when a.attnum is null then obj_description(c.oid, 'pg_class') else col_description(c.oid, a.attnum) end as said
    from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'read'
    cross join lateral (select attname, attnum from pg_attribute where attrelid = c.oid and attnum > 0 union all select null, null) a
    where c.relkind = 'v'`)
  assert.equal(rows.filter(row => row.is_view).length, 7)
  assert.deepEqual(rows.filter(row => row.said === null).map(row => row.name), [])
})
