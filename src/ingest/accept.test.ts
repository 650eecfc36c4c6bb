import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { formCall, jsonCall, openIngest } from '../../test/support/ingest-room.ts'
import type { DealChangeSignalled } from '../domain/signal/signal.ts'
import { createMemoryLog } from '../eventlog/memory-log.ts'
import type { EventLog } from '../eventlog/port.ts'
import { createLogger } from '../platform/logger.ts'
import { createAccept } from './accept.ts'
import type { Keeper } from './accept.ts'

const quiet = createLogger('test', 'error', { write () {} })
const event = { type: 'DealChangeSignalled', portal: 'acme', dealId: '7' } as DealChangeSignalled
const hangs: EventLog = { ...createMemoryLog(), append: async () => await new Promise(() => undefined) }

async function closedLog (): Promise<EventLog> {
  const log = createMemoryLog()
  await log.close(0)
  return log
}
function spoolOf (hasRoom: boolean): Keeper & { kept: DealChangeSignalled[] } {
  const kept: DealChangeSignalled[] = []
  return { kept, isInUse: () => false, keep: (one) => { if (hasRoom) kept.push(one); return Promise.resolve(hasRoom ? 'kept' : 'full') } }
}

test('with a log that refuses, every door answers 503 with Retry-After and a problem document, and says nothing was accepted', async (t) => {
  const { app, events, log } = openIngest(t)
  await log.close(0)
  const robot = formCall({ 'document_id[2]': 'DEAL_5' }, '/webhook/bitrix24/secret-acme/robot')
  const transfer = { ...jsonCall(JSON.stringify({ portal: 'acme', deal_id: 9 })), url: '/v1/transfers' }
  for (const call of [jsonCall(), jsonCall({}, { prefer: 'wait=55' }), formCall(), robot, transfer]) {
    const answer = await app.inject(call)
    assert.equal(answer.statusCode, 503, call.url)
    assert.equal(answer.headers['retry-after'], '5')
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
    assert.deepEqual(Object.keys(answer.json()), ['type', 'title', 'status', 'detail'])
    assert.doesNotMatch(answer.body, /success|duplicate|accepted|correlation/)
  }
  const batch = await app.inject({ ...jsonCall(JSON.stringify({ items: [{ portal: 'acme', deal_id: 9 }, { portal: 'acme', deal_id: 10 }] })), url: '/v1/transfers/batch' })
  assert.deepEqual(batch.json<{ items: { status: string }[] }>().items.map(item => item.status), ['unavailable', 'unavailable'])
  assert.equal(events.length, 0)
})

test('what was refused is no duplicate when it is sent again', async (t) => {
  let isAway = true
  const memory = createMemoryLog()
  const log: EventLog = { ...memory, append: one => isAway ? Promise.reject(new Error('away')) : memory.append(one) }
  const { app, events, said } = openIngest(t, { log })
  const call = formCall()
  assert.equal((await app.inject(call)).statusCode, 503)
  isAway = false
  const again = await app.inject(call)
  assert.equal(again.json<{ status: string }>().status, 'success')
  assert.equal(events.length, 1)
  assert.match(said(), /append_refused/)
})

test('a log that does not answer within the patience is one that refuses', async (t) => {
  const { app } = openIngest(t, { log: hangs, patienceMs: 50 })
  const answers = await Promise.all([app.inject(jsonCall()), app.inject(formCall({ 'data[FIELDS][ID]': '8' }))])
  assert.deepEqual(answers.map(a => a.statusCode), [503, 503])
})

test('an answer waits for the log: nothing is said before the append is acknowledged', async (t) => {
  const acknowledged = Promise.withResolvers<undefined>()
  const memory = createMemoryLog()
  let isAsked = false
  const { app } = openIngest(t, { log: { ...memory, append: async (one) => { isAsked = true; await acknowledged.promise; return memory.append(one) } } })
  let isAnswered = false
  const answer = app.inject(jsonCall()).then((response) => { isAnswered = true; return response.statusCode })
  await eventually(() => isAsked)
  assert.equal((await app.inject({ method: 'GET', url: '/nowhere' })).statusCode, 404)
  assert.equal(isAnswered, false)
  acknowledged.resolve(undefined)
  assert.equal(await answer, 200)
})

test('an event goes to the spool when the log refuses or hangs, at once when the log is known to be away, and is refused when the spool is full', async () => {
  const logs: [string, EventLog, boolean][] = [
    ['refuses', await closedLog(), true], ['hangs', hangs, true],
    ['away', { ...hangs, isWritable: () => false, append: () => { throw new Error('not to be asked') } }, true],
    ['full', hangs, false], ['full and away', { ...hangs, isWritable: () => false }, false]
  ]
  for (const [name, log, hasRoom] of logs) {
    const spool = spoolOf(hasRoom)
    const accepted = await createAccept({ log, logger: quiet, spool, patienceMs: 20 })(event)
    assert.deepEqual([accepted, spool.kept.length], hasRoom ? [{ status: 'kept', offset: null }, 1] : [{ status: 'refused' }, 0], name)
  }
})

test('a log that is away but answers is asked when the spool is full', async () => {
  const accept = createAccept({ log: { ...createMemoryLog(), isWritable: () => false }, logger: quiet, spool: spoolOf(false), patienceMs: 1000 })
  assert.deepEqual(await accept(event), { status: 'kept', offset: 0n })
})
