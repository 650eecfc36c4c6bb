import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '../platform/errors.ts'
import type { SchemaIds } from '../platform/schema-registry.ts'
import { createCodec } from './codec.ts'
import { schemaFiles } from './schemas.ts'
import { openSchemaMemory } from './schema-memory.ts'
import type { SchemaMemory } from './schema-memory.ts'
import { upcast } from './upcast.ts'

const EXAMPLES = new URL('../../schemas/examples/', import.meta.url)
const files = schemaFiles()
const idOf = (text: string): number => files.findIndex(file => file.text === text) + 1

/** A registry that knows the repository's schemas, until it is `away`. */
function registry (state: { away: boolean } = { away: false }): SchemaIds {
  const answer = <T>(value: T | undefined): Promise<T> => {
    if (state.away) return Promise.reject(new AppError('registry_away', 'away', { retryable: true }))
    return value === undefined ? Promise.reject(new AppError('record_undecodable', 'unknown')) : Promise.resolve(value)
  }
  return {
    idOf: (_subject, schema) => answer(idOf(schema)),
    schemaOf: id => answer(files[id - 1]?.text),
    register: (_subject, schema) => answer(idOf(schema))
  }
}

function folder (t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-codec-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const memoryIn = (dir: string, url = 'http://registry'): SchemaMemory => openSchemaMemory(dir, url)

const header = (id: number): Buffer => Buffer.from([0, 0, 0, id >> 8, id & 255])

test('every version of every event has a golden record that decodes to its values, and that of the newest encodes to its bytes', async (t) => {
  const codec = createCodec(registry(), memoryIn(folder(t)))
  const examples = readdirSync(EXAMPLES)
  assert.equal(examples.length, files.length)
  for (const { name, version, text } of files) {
    const golden = JSON.parse(readFileSync(new URL(`${name}.v${version}.json`, EXAMPLES), 'utf8')) as { record: Record<string, unknown>, hex: string }
    const bytes = Buffer.concat([header(idOf(text)), Buffer.from(golden.hex, 'hex')])
    const event = await codec.decode(bytes)
    assert.deepEqual({ ...event }, { ...upcast(name, golden.record) }, name)
    if (files.some(file => file.name === name && file.version > version)) continue
    assert.equal((await codec.encode(event)).toString('hex'), bytes.toString('hex'), name)
  }
})

test('a signal of before orders were in the log has none, and one without an order is written as having none', async (t) => {
  const codec = createCodec(registry(), memoryIn(folder(t)))
  const [old] = files.filter(file => file.name === 'DealChangeSignalled' && file.version === 1)
  const golden = JSON.parse(readFileSync(new URL('DealChangeSignalled.v1.json', EXAMPLES), 'utf8')) as { record: Record<string, unknown>, hex: string }
  const event = await codec.decode(Buffer.concat([header(idOf(old?.text ?? '')), Buffer.from(golden.hex, 'hex')]))
  assert.equal((event as { order?: string }).order, '')
  const without = Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'order')) as unknown as typeof event
  assert.deepEqual(await codec.decode(await codec.encode(without)), event)
})

test('a success of before records were carried has none, and one without is written as having none', async (t) => {
  const codec = createCodec(registry(), memoryIn(folder(t)))
  const old = files.find(file => file.name === 'TransferSucceeded' && file.version === 1)
  const golden = JSON.parse(readFileSync(new URL('TransferSucceeded.v1.json', EXAMPLES), 'utf8')) as { record: Record<string, unknown>, hex: string }
  const event = await codec.decode(Buffer.concat([header(idOf(old?.text ?? '')), Buffer.from(golden.hex, 'hex')]))
  assert.deepEqual((event as { carried?: unknown }).carried, [])
  const without = Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'carried')) as unknown as typeof event
  assert.deepEqual(await codec.decode(await codec.encode(without)), event)
})

test('bytes without the header, with an unknown id, or cut short are undecodable', async (t) => {
  const codec = createCodec(registry(), memoryIn(folder(t)))
  for (const bytes of [Buffer.alloc(0), Buffer.from('text'), header(999), Buffer.concat([header(1), Buffer.from([200, 1])])]) {
    await assert.rejects(codec.decode(bytes), { code: 'record_undecodable' })
  }
})

test('an outage of the registry stops nobody who has met the schema before, also after a restart', async (t) => {
  const state = { away: false }
  const dir = folder(t)
  const golden = JSON.parse(readFileSync(new URL('DealChangeSignalled.v1.json', EXAMPLES), 'utf8')) as { record: Record<string, unknown> }
  const event = upcast('DealChangeSignalled', golden.record)
  const bytes = await createCodec(registry(state), memoryIn(dir)).encode(event)
  state.away = true
  const restarted = createCodec(registry(state), memoryIn(dir))
  assert.equal((await restarted.encode(event)).toString('hex'), bytes.toString('hex'))
  assert.deepEqual({ ...await restarted.decode(bytes) }, { ...event })
  await assert.rejects(restarted.decode(header(999)), { code: 'registry_away', retryable: true })
})

test('processes that share the folder keep what each of them has met, and another registry has ids of its own', async (t) => {
  const dir = folder(t)
  const state = { away: false }
  const [first, second] = [createCodec(registry(state), memoryIn(dir)), createCodec(registry(state), memoryIn(dir))]
  const example = (name: string): Parameters<typeof first.encode>[0] => upcast(name, (JSON.parse(readFileSync(new URL(`${name}.v1.json`, EXAMPLES), 'utf8')) as { record: Record<string, unknown> }).record)
  await first.encode(example('DealChangeSignalled'))
  await second.encode(example('TransferSucceeded'))
  state.away = true
  const restarted = createCodec(registry(state), memoryIn(dir))
  assert.ok(await restarted.encode(example('DealChangeSignalled')))
  assert.ok(await restarted.encode(example('TransferSucceeded')))
  await assert.rejects(createCodec(registry(state), memoryIn(dir, 'http://other')).encode(example('TransferSucceeded')), { code: 'registry_away' })
})

test('a warmed codec encodes every event after the registry went away', async (t) => {
  const state = { away: false }
  const codec = createCodec(registry(state), memoryIn(folder(t)))
  await codec.warm()
  state.away = true
  assert.ok(files.length > 0)
  for (const { name, version } of files) {
    const { record } = JSON.parse(readFileSync(new URL(`${name}.v${version}.json`, EXAMPLES), 'utf8')) as { record: Record<string, unknown> }
    assert.ok((await codec.encode(upcast(name, record))).length > 5, name)
  }
})

test('a schema that cannot be read, or not by ours, makes its records undecodable', async (t) => {
  const foreign: Record<number, string> = {
    50: '{"type":"nonsense"}',
    51: '{"type":"record","name":"dealbridge.Unheard","fields":[]}',
    52: '{"type":"record","name":"dealbridge.DealChangeSignalled","fields":[{"name":"eventId","type":"long"}]}'
  }
  const codec = createCodec({ ...registry(), schemaOf: id => Promise.resolve(foreign[id] ?? '') }, memoryIn(folder(t)))
  for (const id of [50, 51, 52, 53]) await assert.rejects(codec.decode(header(id)), { code: 'record_undecodable' }, String(id))
})

test('all who wait for the id of a schema ask once and go on in their order', async (t) => {
  const golden = JSON.parse(readFileSync(new URL('DealChangeSignalled.v1.json', EXAMPLES), 'utf8')) as { record: Record<string, unknown> }
  let asked = 0
  const codec = createCodec({ ...registry(), idOf: (_subject, schema) => Promise.resolve(idOf(schema)).finally(() => { asked += 1 }) }, memoryIn(folder(t)))
  const order: number[] = []
  await Promise.all(Array.from({ length: 10 }, (_, i) => codec.encode(upcast('DealChangeSignalled', golden.record)).then(() => order.push(i))))
  assert.equal(asked, 1)
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
