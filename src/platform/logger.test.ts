import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { createLogger, messageOf } from './logger.ts'
import type { Details } from './logger.ts'

/** What one line says, parsed. */
function lineOf (details: Details, correlationId?: string): Record<string, unknown> & { details: Record<string, unknown> } {
  const lines: string[] = []
  createLogger('webhook_handler', 'info', { write: (line) => { lines.push(line) } }).log('info', 'deal_transfer', details, correlationId)
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.trimEnd().includes('\n'), false)
  return JSON.parse(lines[0] ?? '') as ReturnType<typeof lineOf>
}

test('a line has the shape of the specification: time, level, service, event, correlation id, ids as numbers', () => {
  const line = lineOf({ source_deal_id: '123', target_deal_id: 456n, duration_ms: 234, status: 'success' }, '01a20dde-4e6a-7d22-9e71-460dfff52f0b')
  const { timestamp, ...rest } = line
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(rest, {
    level: 'INFO', service: 'webhook_handler', event: 'deal_transfer', correlation_id: '01a20dde-4e6a-7d22-9e71-460dfff52f0b',
    details: { source_deal_id: 123, target_deal_id: 456, duration_ms: 234, status: 'success' }
  })
  assert.deepEqual(lineOf({ source_deal_id: '99999999999999999999', target_deal_id: null }).details, { source_deal_id: '99999999999999999999', target_deal_id: null })
})

test('a field that is not on the list, an address with its secret and a line break do not get into the log', () => {
  const { details } = lineOf({ reason: 'asked https://a.bitrix24.ru/rest/1/canary-secret/crm.item.list\nnext', token: 'canary-token' })
  assert.deepEqual(details, { reason: 'asked https://a.bitrix24.ru/rest/*** next' })
  assert.doesNotMatch(messageOf(new Error('POST /rest/1/canary-secret/batch\r\nfailed')), /canary|[\r\n]/)
})

test('a log that nobody reads makes nobody wait and fills no memory: lines are dropped', async (t) => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('./logger.ts', import.meta.url).href)}
    const logger = createLogger('test')
    let most = 0
    for (let i = 0; i < 200; i += 1) {
      for (let j = 0; j < 1000; j += 1) logger.log('info', 'deal_transfer', { reason: 'x'.repeat(400), count: i })
      most = Math.max(most, process.memoryUsage().rss)
      await new Promise(resolve => setImmediate(resolve))
    }
    process.stdout.write(String(most))`
  const child = spawn(process.execPath, ['--max-semi-space-size=8', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.pause()
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  t.after(() => { child.kill('SIGKILL') })
  await eventually(() => out !== '', { deadlineMs: 30_000 })
  // 200,000 lines are 100 MB.
  assert.ok(Number(out) < 140e6, `${out} bytes resident`)
})
