import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLogger } from '../platform/logger.ts'
import { createPins } from './pins.ts'
import type { Pins } from './pins.ts'

interface Place { readonly file: string, readonly dataDir: string, said (): string, open (configured?: [string, string][]): Pins }

function setUp (t: TestContext): Place {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'dealbridge-pins-'))
  t.after(() => { rmSync(dataDir, { recursive: true, force: true }) })
  let said = ''
  const logger = createLogger('test', 'debug', { write: (line) => { said += line } })
  return { file: path.join(dataDir, 'pins.json'), dataDir, said: () => said, open: (configured = []) => createPins({ dataDir, configured, logger }) }
}

test('the first member_id of a portal is pinned on disk, then another is refused, also after a start', async (t) => {
  const place = setUp(t)
  const pins = place.open()
  assert.deepEqual([pins.isFine('acme', 'aa'), pins.isFine('acme', 'bb'), pins.isFine('acme', null)], [true, true, true])
  assert.equal(await pins.learn('acme', 'aa'), true)
  assert.deepEqual(JSON.parse(readFileSync(place.file, 'utf8')), { acme: 'aa' })
  assert.equal(await pins.learn('acme', 'bb'), false)
  assert.equal(await pins.learn('acme', 'aa'), true)
  for (const later of [pins, place.open()]) assert.deepEqual([later.isFine('acme', 'aa'), later.isFine('acme', 'bb'), later.isFine('acme', null), later.isFine('beta', 'bb')], [true, false, true, true])
  assert.deepEqual(readdirSync(place.dataDir), ['pins.json'])
})

test('a configured member_id wins over a learned one and is never learned over', async (t) => {
  const place = setUp(t)
  writeFileSync(place.file, '{"acme":"aa"}')
  const pins = place.open([['acme', 'cc']])
  assert.deepEqual([pins.isFine('acme', 'cc'), pins.isFine('acme', 'aa')], [true, false])
  assert.deepEqual([await pins.learn('acme', 'cc'), await pins.learn('acme', 'aa')], [true, false])
  assert.equal(readFileSync(place.file, 'utf8'), '{"acme":"aa"}')
})

test('of two first calls at once that say different ids one is good', async (t) => {
  const place = setUp(t)
  const pins = place.open()
  assert.deepEqual(await Promise.all([pins.learn('acme', 'aa'), pins.learn('acme', 'bb'), pins.learn('beta', 'bb')]), [true, false, true])
  assert.deepEqual(JSON.parse(readFileSync(place.file, 'utf8')), { acme: 'aa', beta: 'bb' })
})

test('what another process pinned since the start wins, and its other pins are kept', async (t) => {
  const place = setUp(t)
  const [first, second] = [place.open(), place.open()]
  await first.learn('acme', 'aa')
  assert.equal(await second.learn('acme', 'bb'), false)
  assert.equal(await second.learn('beta', 'bb'), true)
  assert.deepEqual(JSON.parse(readFileSync(place.file, 'utf8')), { acme: 'aa', beta: 'bb' })
})

test('a file of pins that cannot be read stops a start: forgetting pins would let another portal in', (t) => {
  const place = setUp(t)
  for (const text of ['', '{', '[1]', '7', 'null', '{"acme":7}']) {
    writeFileSync(place.file, text)
    assert.throws(() => place.open(), Error, text)
  }
})

test('a file spoilt while running costs no webhook: the pin counts in memory, the log says so, and the file is left', async (t) => {
  const place = setUp(t)
  const pins = place.open()
  writeFileSync(place.file, '{ half')
  assert.equal(await pins.learn('acme', 'aa'), true)
  assert.equal(await pins.learn('beta', 'bb'), true)
  assert.deepEqual([pins.isFine('acme', 'aa'), pins.isFine('acme', 'bb')], [true, false])
  assert.match(place.said(), /pins_not_written/)
  assert.equal(readFileSync(place.file, 'utf8'), '{ half')
  rmSync(place.file)
  assert.equal(await pins.learn('gamma', 'cc'), true)
  assert.deepEqual(JSON.parse(readFileSync(place.file, 'utf8')), { acme: 'aa', beta: 'bb', gamma: 'cc' })
})

test('the file is for its owner alone', async (t) => {
  const place = setUp(t)
  await place.open().learn('acme', 'aa')
  assert.equal(statSync(place.file).mode & 0o777, 0o600)
})
