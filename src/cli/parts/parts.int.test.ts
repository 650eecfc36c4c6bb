import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { eventually } from '../../../test/support/eventually.ts'
import { claimPorts } from '../../../test/support/ports.ts'
import { partsDown, partsStatus, partsUp } from './parts.ts'
import type { PartsReport } from './parts.ts'
import { hasMarker } from './process.ts'

const run = promisify(execFile)
const root = mkdtempSync(join(tmpdir(), 'dealbridge-parts-'))
const dir = join(root, 'd')
const schema = '{"type":"record","name":"Kept","namespace":"test","fields":[{"name":"id","type":"string"}]}'
let portBase = 0
let first: PartsReport
let schemaId: unknown

const up = (): Promise<PartsReport> => partsUp({ dir, portBase, brokers: 1 })

before(async () => {
  portBase = await claimPorts()
  first = await up()
  await query(first.postgres, 'create table kept (n int)')
  await query(first.postgres, 'insert into kept values (42)')
  await withAdmin(first, admin => admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] }))
  schemaId = await register()
})

after(async () => {
  await partsDown({ dir, wipe: true })
  rmSync(root, { recursive: true, force: true })
})

test('up gives the addresses and the pids of four servers that run', async () => {
  assert.deepEqual(first.kafka, [`127.0.0.1:${portBase}`])
  assert.deepEqual(Object.keys(first.pids).sort(), ['kafka-1', 'postgres', 'redis', 'registry'])
  assert.deepEqual(await partsStatus({ dir }), first)
})

test('a second up keeps what runs, and two at once start nothing twice', async () => {
  const [one, other] = await Promise.all([up(), up()])
  assert.deepEqual(one, first)
  assert.deepEqual(other, first)
})

for (const name of ['kafka-1', 'registry', 'postgres', 'redis']) {
  test(`after kill -9 of ${name}, up starts it alone and its data is there`, async () => {
    const earlier = await partsStatus({ dir })
    await kill(earlier.pids[name])
    const later = await up()
    assert.notEqual(later.pids[name], earlier.pids[name])
    assert.deepEqual({ ...later.pids, [name]: 0 }, { ...earlier.pids, [name]: 0 })
    await assertDataKept(later)
  })
}

test('after kill -9 of everything, up brings all of it back with its data', async () => {
  const earlier = await partsStatus({ dir })
  await Promise.all(Object.values(earlier.pids).map(kill))
  await assertDataKept(await up())
})

test('a server that runs and does not answer is started again, with its data', async () => {
  const earlier = await partsStatus({ dir })
  process.kill(earlier.pids['registry'] ?? 0, 'SIGSTOP')
  const later = await partsUp({ dir, portBase, brokers: 1, hungMs: 2000 })
  assert.notEqual(later.pids['registry'], earlier.pids['registry'])
  assert.deepEqual({ ...later.pids, registry: 0 }, { ...earlier.pids, registry: 0 })
  await assertDataKept(later)
})

test('a pid file that names another program is not believed', async () => {
  const earlier = await partsStatus({ dir })
  await kill(earlier.pids.redis)
  writeFileSync(join(dir, 'redis.pid'), String(process.pid))
  assert.equal((await partsStatus({ dir })).pids.redis, undefined)
  assert.notEqual((await up()).pids.redis, process.pid)
})

test('a server whose pid file is lost is found by its command line', async () => {
  const earlier = await partsStatus({ dir })
  rmSync(join(dir, 'redis.pid'))
  assert.deepEqual(await partsStatus({ dir }), earlier)
})

test('a used port is refused with a sentence that names it, and nothing stays behind', async (t) => {
  const base = await claimPorts()
  const other = join(root, 'other')
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(base + 3, '127.0.0.1', resolve) })
  t.after(() => server.close())
  await assert.rejects(partsUp({ dir: other, portBase: base, brokers: 1 }), { code: 'part_failed', message: new RegExp(`Port ${base + 3}, which redis needs, is used`) })
  assert.deepEqual((await partsStatus({ dir: other })).pids, {})
  await partsDown({ dir: other, wipe: true })
  assert.equal(existsSync(other), false)
})

test('a half-made data folder of PostgreSQL and of Kafka is made anew', async () => {
  const other = join(root, 'half')
  const base = await claimPorts()
  await run('mkdir', ['-p', join(other, 'kafka-1.new'), join(other, 'postgres.new')])
  writeFileSync(join(other, 'kafka-1.new', 'meta.properties'), 'half')
  const report = await partsUp({ dir: other, portBase: base, brokers: 1 })
  assert.equal(Object.keys(report.pids).length, 4)
  await partsDown({ dir: other, wipe: true })
  assert.equal(existsSync(other), false)
})

test('down leaves no process, up after it finds the data, and wipe leaves no file', async () => {
  const { pids } = await partsStatus({ dir })
  await partsDown({ dir, wipe: false })
  assert.equal(Object.keys(pids).length, 4)
  // A child that has ended keeps its number until this process hears of it.
  for (const pid of Object.values(pids)) await eventually(() => { assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }); return true }, { deadlineMs: 2000 })
  await assertDataKept(await up())
  const pointer = join(dir, 'postgres.at')
  const outside = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : null
  await partsDown({ dir, wipe: true })
  assert.equal(existsSync(dir), false)
  if (outside !== null) assert.equal(existsSync(outside), false)
})

async function assertDataKept (report: PartsReport): Promise<void> {
  assert.deepEqual(await query(report.postgres, 'select n from kept'), [{ n: 42 }])
  assert.ok((await withAdmin(report, admin => admin.listTopics())).includes('kept'))
  assert.equal(await register(), schemaId)
}

async function kill (pid: number | undefined): Promise<void> {
  assert.ok(pid !== undefined)
  const [marker] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  assert.ok(marker !== undefined)
  process.kill(pid, 'SIGKILL')
  await eventually(() => !hasMarker(pid, marker))
}

async function query (url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

async function withAdmin<T> (report: PartsReport, work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [...report.kafka], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function register (): Promise<unknown> {
  const response = await fetch(`${first.registry}/apis/ccompat/v7/subjects/test.Kept/versions`, {
    method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body: JSON.stringify({ schema })
  })
  assert.equal(response.status, 200)
  return (await response.json() as { id: unknown }).id
}
