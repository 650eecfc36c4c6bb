import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { PROCESSES } from '../../src/main/process.ts'
import { eventually } from '../support/eventually.ts'
import { startSystem } from '../support/system.ts'
import type { System } from '../support/system.ts'

const make = (system: System, title: string): number => system.simulator.portal('acme').create({ TITLE: title, CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })

/** The admin door of a process. */
async function ask (system: System, name: keyof typeof PROCESSES, at: string): Promise<{ status: number, text: string }> {
  const response = await fetch(`http://127.0.0.1:${system.admin + PROCESSES[name].offset}${at}`)
  return { status: response.status, text: await response.text() }
}

test('processes start while every part is away, say what is missing, and become ready when the parts come', { timeout: 240_000 }, async (t) => {
  const system = await startSystem(t)
  for (const pid of Object.values(system.parts.pids)) process.kill(pid, 'SIGKILL')
  const program = system.begin('all')
  const names = Object.keys(PROCESSES) as (keyof typeof PROCESSES)[]
  for (const name of names) await eventually(async () => (await ask(system, name, '/healthz')).status === 200, { deadlineMs: 20_000 })
  const expected = { query: ['postgres'], dispatcher: ['kafka', 'postgres'], sweep: ['kafka', 'postgres', 'sweep'], projector: ['kafka', 'postgres'] } as const
  for (const [name, missing] of Object.entries(expected) as [keyof typeof expected, readonly string[]][]) {
    await eventually(async () => {
      const { status, text } = await ask(system, name, '/readyz')
      const said = JSON.parse(text) as { missing: string[] }
      assert.deepEqual([status, said.missing.toSorted()], [503, missing], name)
      return true
    })
  }
  // Its disk takes what comes.
  assert.equal((await ask(system, 'ingest', '/readyz')).status, 200)
  assert.equal(program.child.exitCode, null)
  await system.restartParts()
  await program.ready()
  for (const name of names) assert.equal((await ask(system, name, '/readyz')).status, 200, name)
  make(system, 'after all came back')
  await eventually(() => system.simulator.portal('main').deals().length === 1, { deadlineMs: 60_000 })
})

test('SIGTERM in the middle of the work ends within 20 s with exit code 0, and the next start finishes it once', { timeout: 180_000 }, async (t) => {
  const DEALS = 150
  const system = await startSystem(t, { target: { limits: { per_second: 2, burst: 50 }, latency_ms: 200 } })
  const first = system.begin('all')
  await first.ready()
  for (let i = 0; i < DEALS; i += 1) make(system, `Deal ${i}`)
  const main = system.simulator.portal('main')
  await eventually(() => main.deals().length > 0, { deadlineMs: 60_000 })
  await system.simulator.portal('acme').idle()
  const asked = performance.now()
  first.child.kill('SIGTERM')
  const [code] = await once(first.child, 'exit') as [number | null]
  assert.equal(code, 0)
  assert.ok(performance.now() - asked < 21_000)
  assert.ok(first.log().some(line => line.event === 'process_stopped'))
  await system.run('all')
  await system.settled(DEALS, 120_000)
  const origins = main.deals().map(deal => deal['ORIGIN_ID'])
  assert.deepEqual([origins.length, new Set(origins).size], [DEALS, DEALS])
})

test('one correlation id follows a deal through ingest, dispatcher, projector and the API, and metrics count it', async (t) => {
  const system = await startSystem(t, { logLevel: 'debug' })
  const program = system.begin('all')
  await program.ready()
  const id = make(system, 'Followed')
  await system.settled(1)
  const lines = await eventually(() => {
    const about = program.log().filter(line => line.details['source_deal_id'] === id)
    return about.filter(line => line.event === 'event_projected').length === 2 && about
  })
  const correlation = lines[0]?.correlation_id
  assert.match(String(correlation), /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  assert.deepEqual([...new Set(lines.map(line => line.correlation_id))], [correlation])
  assert.deepEqual([...new Set(lines.map(line => line.service))].toSorted(), ['dispatcher', 'projector', 'webhook_handler'])
  const transfer = lines.find(line => line.event === 'deal_transfer')
  assert.deepEqual(Object.keys(transfer?.details ?? {}).filter(key => ['source_deal_id', 'target_deal_id', 'duration_ms', 'status'].includes(key)).toSorted(), ['duration_ms', 'source_deal_id', 'status', 'target_deal_id'])
  const { items } = await system.get('/v1/transfers') as { items: { correlation_id: string }[] }
  assert.deepEqual(items.map(item => item.correlation_id), [correlation])

  const ingest = (await ask(system, 'ingest', '/metrics')).text
  assert.match(ingest, /^webhook_received_total\{domain="acme\.bitrix24\.ru"\} 1$/m)
  assert.match(ingest, /^webhook_processed_total\{status="success"\} 1$/m)
  assert.match(ingest, /^active_connections\{service="webhook_handler"\} \d+$/m)
  assert.match(ingest, /^webhook_processing_duration_seconds_bucket\{le="10"\} 1$/m)
  assert.match(ingest, /^redis_memory_usage_bytes [1-9]\d+$/m)
  assert.match((await ask(system, 'dispatcher', '/metrics')).text, /^api_request_duration_seconds_bucket\{.*method="batch".*\} [1-9]/m)
})
