import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventLog, Subscription } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { createRegistry } from '../platform/metrics.ts'
import type { Pool } from '../platform/postgres.ts'
import { createProjector } from './projector.ts'
import type { Projector } from './projector.ts'

function setUp (subscribe: () => Promise<Subscription>): Projector {
  const pool = { query: () => Promise.resolve({ rows: [] }) } as unknown as Pool
  return createProjector({ log: { subscribe } as unknown as EventLog, pool, logger: createLogger('test', 'error'), registry: createRegistry() })
}

function member (): { subscription: Subscription, stops: () => number } {
  let stops = 0
  return { stops: () => stops, subscription: { stop: () => { stops++; return Promise.resolve() }, dead: new Promise(() => undefined), isHealthy: () => true } }
}

test('a double start joins once, and a stop while starting leaves the group', async () => {
  const { subscription, stops } = member()
  let joins = 0
  const joined = Promise.withResolvers<Subscription>()
  const projector = setUp(() => { joins++; return joined.promise })
  const starts = [projector.start(), projector.start()]
  const stop = projector.stop()
  joined.resolve(subscription)
  await Promise.all([...starts, stop, projector.stop()])
  assert.equal(joins, 1)
  assert.ok(stops() >= 1)
  assert.deepEqual(await projector.readiness(), ['kafka'])
})

test('a stop before the start keeps it from ever joining', async () => {
  const projector = setUp(() => Promise.reject(new Error('must not be asked')))
  await projector.stop()
  await projector.start()
})

test('readiness answers while the start still waits for the log, and a failed start can be repeated', async () => {
  const { subscription } = member()
  const first = Promise.withResolvers<Subscription>()
  const answers = [first.promise, Promise.resolve(subscription)]
  const projector = setUp(() => answers.shift() ?? Promise.reject(new Error('too many')))
  const start = projector.start()
  assert.deepEqual(await projector.readiness(), ['kafka'])
  first.reject(new Error('away'))
  await assert.rejects(start, /away/)
  await projector.start()
  assert.deepEqual(await projector.readiness(), [])
})
