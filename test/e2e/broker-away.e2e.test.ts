import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { formCall, openIngest } from '../support/ingest-room.ts'
import { claimPorts } from '../support/ports.ts'
import { partsDown, partsUp } from '../../src/cli/parts/parts.ts'
import { createKafkaLog } from '../../src/eventlog/kafka-log.ts'
import { initLog } from '../../src/eventlog/topics.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { Registry } from '../../src/platform/metrics.ts'

test('while the broker is dead a webhook is 503 with Retry-After, afterwards it is taken, and everything said to be taken is in the log', { timeout: 180_000 }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-away-'))
  t.after(async () => { await partsDown({ dir: path.join(dir, 'parts'), wipe: true }); rmSync(dir, { recursive: true, force: true }) })
  // A broker of its own: it is killed.
  const place = { dir: path.join(dir, 'parts'), portBase: await claimPorts(), brokers: 1 } as const
  const parts = await partsUp(place)
  const options = { kafka: { brokers: parts.kafka, clientId: 'test' }, registryUrl: parts.registry, logger: createLogger('test', 'error', { write () {} }) }
  await initLog(options)
  const log = await createKafkaLog({ ...options, dataDir: dir, registry: new Registry() })
  t.after(() => log.close(5000))
  const { app, ingest } = openIngest(t, { log, patienceMs: 1000 })
  const taken = new Set<string>()
  async function send (id: string): Promise<number> {
    const answer = await app.inject(formCall({ 'data[FIELDS][ID]': id }))
    if (answer.statusCode === 200) {
      assert.notEqual(answer.json<{ status: string }>().status, 'skipped')
      taken.add(id)
    } else {
      assert.deepEqual([answer.statusCode, answer.headers['retry-after'], answer.json()], [503, '5', { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: 'the log is away' }])
    }
    return answer.statusCode
  }
  const burst = (from: number): Promise<number[]> => Promise.all(Array.from({ length: 20 }, (_, i) => send(String(from + i))))

  assert.deepEqual(new Set(await burst(100)), new Set([200]))
  process.kill(parts.pids['kafka-1'] ?? assert.fail('no broker'), 'SIGKILL')
  // Those on the wire at that moment may have either answer.
  await burst(200)
  assert.deepEqual(new Set(await burst(300)), new Set([503]))
  await eventually(() => ingest.readiness().includes('kafka'), { deadlineMs: 30_000 })
  await partsUp(place)
  await eventually(async () => await send('400') === 200, { deadlineMs: 60_000 })
  // Each partition comes back at its own time.
  await eventually(async () => (await burst(300)).every(status => status === 200), { deadlineMs: 60_000 })

  const found = new Set<string>()
  await log.read('deal-signals', new Map(), (batch) => { for (const { event } of batch.records) found.add(event.dealId); return Promise.resolve() })
  assert.ok(taken.size >= 41, `${taken.size}`)
  assert.deepEqual([...taken].filter(id => !found.has(id)), [])
})
