import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../../test/support/eventually.ts'
import { spooled } from '../../../test/support/spooled.ts'
import type { DealChangeSignalled } from '../../domain/signal/signal.ts'
import { createMemoryLog } from '../../eventlog/memory-log.ts'
import type { EventLog } from '../../eventlog/port.ts'
import { createLogger } from '../../platform/logger.ts'
import { createRegistry } from '../../platform/metrics.ts'
import { encodeRecord } from './record.ts'
import { createSegmentWriter } from './segments.ts'
import { createSpool } from './spool.ts'
import type { Spool, SpoolOptions } from './spool.ts'

const SPOOLER = fileURLToPath(new URL('../../../test/support/spooler.ts', import.meta.url))

/** A log that the test calls away and back. */
interface Switched { readonly log: EventLog, readonly events: DealChangeSignalled[], isAway: boolean }
function switchedLog (): Switched {
  const memory = createMemoryLog()
  const state: Switched = {
    isAway: true, events: [],
    log: {
      ...memory, isWritable: () => !state.isAway,
      async append (event) {
        while (state.isAway) await new Promise(resolve => setTimeout(resolve, 5))
        state.events.push(event as DealChangeSignalled)
        return await memory.append(event)
      }
    }
  }
  return state
}

const spools = new Map<string, Spool[]>()

/** A folder that goes with the test, after the spools in it have stopped. */
function folder (t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-spool-'))
  spools.set(dir, [])
  t.after(async () => {
    for (const spool of spools.get(dir) ?? []) await spool.stop()
    spawnSync('umount', [dir], { stdio: 'ignore' })
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}

async function open (dir: string, more: Partial<SpoolOptions> & { log: EventLog }): Promise<{ spool: Spool, said: () => string }> {
  let said = ''
  const logger = createLogger('test', 'info', { write: (line) => { said += line } })
  const spool = createSpool({ dir, logger, registry: createRegistry(), limitBytes: 1e8, ...more })
  await spool.start()
  spools.get(dir)?.push(spool)
  return { spool, said: () => said }
}

/** Fails unless the signals of each deal stand in their order; the second sight of one is no disorder. */
function assertOrder (events: readonly DealChangeSignalled[]): void {
  const highest = new Map<string, number>()
  const seen = new Set<string>()
  let checked = 0
  for (const { eventId, dealId, occurredAt } of events) {
    if (!seen.has(eventId)) assert.ok(occurredAt > (highest.get(dealId) ?? -1), `${eventId} came after ${highest.get(dealId)}`)
    highest.set(dealId, Math.max(occurredAt, highest.get(dealId) ?? -1))
    seen.add(eventId)
    checked += 1
  }
  assert.ok(checked > 0)
}

test('what is kept while the log is away gets into it in order once it is back, and leaves nothing behind', async (t) => {
  const dir = folder(t)
  const switched = switchedLog()
  const { spool, said } = await open(dir, switched)
  assert.equal(spool.isInUse(), false)
  for (let i = 0; i < 50; i++) assert.deepEqual(await Promise.all(['1', '2', '3'].map(deal => spool.keep(spooled(deal, i)))), ['kept', 'kept', 'kept'])
  assert.equal(spool.isInUse(), true)
  assert.equal(switched.events.length, 0)
  switched.isAway = false
  await eventually(() => !spool.isInUse())
  assert.equal(switched.events.length, 150)
  assertOrder(switched.events)
  assert.deepEqual(readdirSync(path.join(dir, readdirSync(dir)[0] ?? '')), ['alive'])
  assert.match(said(), /spool_begins[^]*spool_drained/)
  await spool.stop()
  assert.deepEqual(readdirSync(dir), [])
})

test('planted: a spool that writes what came together the wrong way round drains out of order', async (t) => {
  const switched = switchedLog()
  const backwards = (dir: string): ReturnType<typeof createSegmentWriter> => {
    const real = createSegmentWriter(dir)
    return { ...real, append: payloads => real.append(payloads.toReversed()) }
  }
  const { spool } = await open(folder(t), { ...switched, createWriter: backwards })
  await Promise.all(Array.from({ length: 20 }, (_, i) => spool.keep(spooled('1', i))))
  switched.isAway = false
  await eventually(() => !spool.isInUse())
  assert.throws(() => assertOrder(switched.events), 'the planted bug was not caught')
})

test('signals that come while it drains stay behind those before them, and the draining ends under load', { timeout: 60_000 }, async (t) => {
  const switched = switchedLog()
  const { spool } = await open(folder(t), switched)
  const deals = Array.from({ length: 20 }, (_, i) => String(i + 1))
  let sent = 0
  let direct = 0
  for (let i = 0; direct < 200; i++) {
    // As ingest does it: behind what waits, else directly.
    await Promise.all(deals.map(async (deal) => {
      const event = spooled(deal, i)
      if (spool.isInUse() || switched.isAway) {
        const kept = await spool.keep(event)
        if (kept === 'kept') return
        assert.equal(kept, 'drained')
      }
      direct += 1
      await switched.log.append(event)
    }))
    sent += deals.length
    if (i === 200) switched.isAway = false
  }
  await eventually(() => switched.events.length >= sent)
  assert.equal(new Set(switched.events.map(event => event.eventId)).size, sent)
  assertOrder(switched.events)
})

test('when the log goes away while the last are drained, new ones are kept at once and do not wait for that', async (t) => {
  const switched = switchedLog()
  switched.isAway = false
  // Still on its way to the disk when the draining looks for the last time: so the log is away in that very moment.
  const slow = (at: string): ReturnType<typeof createSegmentWriter> => {
    const real = createSegmentWriter(at)
    return { ...real, async append (payloads) { await new Promise(resolve => setTimeout(resolve, 100)); await real.append(payloads) } }
  }
  const { spool } = await open(folder(t), { ...switched, createWriter: slow })
  const first = spool.keep(spooled('1', 0))
  setTimeout(() => { switched.isAway = true }, 50)
  assert.equal(await first, 'kept')
  for (let i = 1; i < 4; i++) {
    const began = performance.now()
    assert.equal(await spool.keep(spooled('1', i)), 'kept')
    assert.ok(performance.now() - began < 500, `it took ${Math.round(performance.now() - began)} ms`)
  }
  switched.isAway = false
  await eventually(() => !spool.isInUse())
  assert.equal(switched.events.length, 4)
  assertOrder(switched.events)
})

test('beyond its limit it is full, says so, and has room again when it is drained', async (t) => {
  const switched = switchedLog()
  const { spool, said } = await open(folder(t), { ...switched, limitBytes: 2000 })
  const kept: string[] = []
  for (let i = 0; i < 20; i++) kept.push(await spool.keep(spooled('1', i)))
  assert.deepEqual([...new Set(kept)], ['kept', 'full'])
  assert.match(said(), /spool_full/)
  switched.isAway = false
  await eventually(() => !spool.isInUse())
  assert.equal(switched.events.length, kept.filter(one => one === 'kept').length)
  switched.isAway = true
  assert.equal(await spool.keep(spooled('1', 99)), 'kept')
})

/** Starts the program that keeps until it is killed; `lines` are those it said. */
function spooler (t: TestContext, dir: string, arguments_: readonly string[]): { child: ChildProcess, lines: () => string[] } {
  const child = spawn(process.execPath, [SPOOLER, dir, ...arguments_], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  t.after(() => { child.kill('SIGKILL') })
  return { child, lines: () => out.split('\n').slice(0, -1) }
}

/** Kills a spooler in the middle of its writing and gives what it had said was kept but nobody found afterwards. */
async function lostByKill (t: TestContext, plant?: string): Promise<{ lost: string[], events: DealChangeSignalled[] }> {
  const dir = folder(t)
  const { child, lines } = spooler(t, dir, plant === undefined ? ['1'] : ['1', plant])
  await eventually(() => lines().length > 2000, { deadlineMs: 30_000 })
  child.kill('SIGKILL')
  await once(child, 'close')
  const switched = switchedLog()
  switched.isAway = false
  const { spool } = await open(dir, switched)
  assert.equal(spool.isInUse(), true)
  await eventually(() => !spool.isInUse(), { deadlineMs: 30_000 })
  assert.equal(readdirSync(dir).length, 1)
  const found = new Set(switched.events.map(event => `${event.dealId} ${event.occurredAt}`))
  return { lost: lines().filter(line => !found.has(line)), events: switched.events }
}

test('kill -9 in the middle of a write loses nothing that was said to be kept, and another process takes over', { timeout: 60_000 }, async (t) => {
  const { lost, events } = await lostByKill(t)
  assert.deepEqual(lost, [])
  assertOrder(events)
})

test('planted: a spool that answers before it has written loses signals by a kill', { timeout: 60_000 }, async (t) => {
  assert.notDeepEqual((await lostByKill(t, 'early')).lost, [])
})

test('two processes on one disk leave each other alone, also when one is frozen', { timeout: 60_000 }, async (t) => {
  const dir = folder(t)
  const other = spooler(t, dir, ['2'])
  await eventually(() => other.lines().length > 100, { deadlineMs: 30_000 })
  other.child.kill('SIGSTOP')
  const switched = switchedLog()
  const { spool } = await open(dir, switched)
  assert.equal(spool.isInUse(), false)
  switched.isAway = false
  await spool.keep(spooled('1', 1))
  await eventually(() => !spool.isInUse())
  assert.deepEqual(switched.events.map(event => event.dealId), ['1'])
  other.child.kill('SIGCONT')
  const before = other.lines().length
  await eventually(() => other.lines().length > before + 100)
})

test('planted: a spool that takes over from the living takes their signals', { timeout: 60_000 }, async (t) => {
  const dir = folder(t)
  const other = spooler(t, dir, ['2'])
  await eventually(() => other.lines().length > 100, { deadlineMs: 30_000 })
  other.child.kill('SIGSTOP')
  const { spool } = await open(dir, { ...switchedLog(), isAlive: () => Promise.resolve(false) })
  assert.equal(spool.isInUse(), true)
})

test('a torn end is left out; bytes that changed in the middle are kept beside, and the alarm says so', async (t) => {
  const dir = folder(t)
  const record = (n: number): Buffer => encodeRecord(Buffer.from(JSON.stringify(spooled('1', n))))
  const dead = path.join(dir, '0dead')
  mkdirSync(dead)
  const damaged = Buffer.concat([record(1), record(2), record(3)])
  damaged[record(1).length + 20] = 0
  writeFileSync(path.join(dead, '00000001.log'), damaged)
  writeFileSync(path.join(dead, '00000002.log'), record(4))
  appendFileSync(path.join(dead, '00000002.log'), record(5).subarray(0, 30))
  const switched = switchedLog()
  switched.isAway = false
  const { spool, said } = await open(dir, switched)
  await eventually(() => !spool.isInUse())
  assert.deepEqual(switched.events.map(event => event.occurredAt), [1, 4])
  assert.match(said(), /spool_damaged/)
  assert.deepEqual(readFileSync(path.join(dir, 'damaged-0dead', '00000001.log.damaged')), damaged)
})

test('a full disk refuses what it cannot hold and loses nothing of what it said is kept', async (t) => {
  const dir = folder(t)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'ignore' }).status !== 0) {
    t.diagnostic('not run: a small disk can only be made by root')
    return
  }
  const switched = switchedLog()
  const { spool, said } = await open(dir, switched)
  const kept: number[] = []
  let refused = 0
  for (let i = 0; refused < 20; i++) {
    const answer = await spool.keep({ ...spooled('1', i), payload: 'x'.repeat(1000) })
    if (answer === 'kept') kept.push(i)
    else refused += 1
  }
  assert.ok(kept.length > 50)
  assert.match(said(), /spool_write_failed.*no space/)
  switched.isAway = false
  await eventually(() => !spool.isInUse())
  const found = new Set(switched.events.map(event => event.occurredAt))
  assert.deepEqual(kept.filter(i => !found.has(i)), [])
  switched.isAway = true
  assert.equal(await spool.keep(spooled('1', 1e6)), 'kept')
})
