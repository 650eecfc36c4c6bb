import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formCall, openIngest } from '../../test/support/ingest-room.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'

test('a second start gives the same port, a second stop waits for the first', async (t) => {
  const { ingest } = openIngest(t)
  assert.deepEqual(ingest.readiness(), ['listener'])
  const [first, second] = await Promise.all([ingest.start(), ingest.start()])
  assert.equal(first.port, second.port)
  assert.equal((await ingest.start()).port, first.port)
  assert.deepEqual(ingest.readiness(), [])
  await Promise.all([ingest.stop(), ingest.stop()])
  await ingest.stop()
  assert.deepEqual(ingest.readiness(), ['listener'])
})

test('a stop before the start, and one while starting, leave nothing that listens', async (t) => {
  const never = openIngest(t)
  await never.ingest.stop()
  await assert.rejects(never.ingest.start(), /was stopped/)
  const early = openIngest(t)
  const starting = early.ingest.start()
  await early.ingest.stop()
  await starting.catch(() => undefined)
  for (const { app, ingest } of [never, early]) assert.deepEqual([app.server.listening, ingest.readiness()], [false, ['listener']])
})

test('what is in hand is answered before a stop ends', async (t) => {
  const held = Promise.withResolvers<undefined>()
  const asked = Promise.withResolvers<undefined>()
  const memory = createMemoryLog()
  const { ingest, events } = openIngest(t, { log: { ...memory, append: async (event) => { asked.resolve(undefined); await held.promise; return memory.append(event) } } })
  const { port } = await ingest.start()
  const { url, payload, headers } = formCall()
  const answer = fetch(`http://127.0.0.1:${port}${url}`, { method: 'POST', headers, body: String(payload) })
  await asked.promise
  const stopping = ingest.stop()
  held.resolve(undefined)
  assert.equal((await answer).status, 200)
  await stopping
  assert.equal(events.length, 1)
})
