import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalOf } from '../eventlog/contract.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { openAtNeed } from './log.ts'

test('the log is opened by the first who needs it, kept for the next, and let go after a failure', async () => {
  const opened: EventLog[] = []
  const log = openAtNeed(() => {
    const one = createMemoryLog()
    opened.push(one)
    return Promise.resolve(one)
  })
  assert.equal(opened.length, 0)
  await Promise.all([1, 2].map(id => log.use(open => open.append(signalOf(id)))))
  assert.equal(opened.length, 1)
  await assert.rejects(log.use(() => Promise.reject(new Error('the log is away'))), /the log is away/)
  await assert.rejects(async () => await opened[0]?.append(signalOf(1)), { code: 'log_closed' })
  await log.use(open => open.append(signalOf(3)))
  assert.equal(opened.length, 2)
  await log.close(0)
  await assert.rejects(async () => await opened[1]?.append(signalOf(1)), { code: 'log_closed' })
})

test('an opening that fails is told, and the next one is tried anew', async () => {
  let times = 0
  const log = openAtNeed(() => ++times === 1 ? Promise.reject(new Error('no registry')) : Promise.resolve(createMemoryLog()))
  await assert.rejects(log.use(() => Promise.resolve()), /no registry/)
  await log.use(open => open.append(signalOf(1)))
  assert.equal(times, 2)
})
