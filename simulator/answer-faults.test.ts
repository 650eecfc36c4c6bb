import assert from 'node:assert/strict'
import { test } from 'node:test'
import { APP, asReply, batch, call, refusal, testPortal, tokens, until } from './testing.ts'
import type { Reply, TestPortal } from './testing.ts'

const add = (at: TestPortal, title = 'A'): Promise<Reply> => call(at, 'crm.item.add', { entityTypeId: 2, fields: { title } })
const raw = async (at: TestPortal): Promise<{ status: number, type: string | null, text: string }> => {
  const response = await fetch(`${at.restUrl}crm.deal.add?fields[TITLE]=A`)
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

test('answers without an effect: 503, 429 and 500 in JSON, 502 and 504 in HTML', async (t) => {
  const at = await testPortal(t)
  for (const [mode, error] of [['503', 'QUERY_LIMIT_EXCEEDED'], ['429', 'OPERATION_TIME_LIMIT'], ['500', 'INTERNAL_SERVER_ERROR']] as const) {
    at.fault({ where: 'answer', mode, times: 1 })
    assert.deepEqual(refusal(await add(at)), [Number(mode), error])
  }
  for (const mode of ['502', '504']) {
    at.fault({ where: 'answer', mode, times: 1 })
    const { status, type } = await raw(at)
    assert.deepEqual([status, type], [Number(mode), 'text/html'])
  }
  assert.equal(at.deals().length, 0)
})

test('spoiled answers after the effect: HTML with 200, malformed, truncated and empty', async (t) => {
  const at = await testPortal(t)
  for (const mode of ['html200', 'malformed', 'truncated', 'empty']) {
    const before = at.deals().length
    at.fault({ where: 'answer', mode, times: 1 })
    const { status, text } = await raw(at)
    assert.equal(status, 200)
    assert.throws(() => { JSON.parse(text) }, mode)
    assert.equal(at.deals().length, before + 1)
  }
})

test('a slow answer comes after its time, and a slow body begins at once and ends after it', async (t) => {
  const at = await testPortal(t)
  const timed = async (): Promise<{ head: number, whole: number, body: unknown }> => {
    const start = performance.now()
    const response = await fetch(`${at.restUrl}user.current`)
    const head = performance.now() - start
    const { body } = await asReply(response)
    return { head, whole: performance.now() - start, body: body['result'] }
  }
  at.fault({ where: 'answer', mode: 'slow', times: 1, ms: 150 })
  const slow = await timed()
  assert.ok(slow.head >= 149, `${slow.head}`)
  at.fault({ where: 'answer', mode: 'slow_body', times: 1, ms: 400 })
  const dribbling = await timed()
  assert.ok(dribbling.head < 300 && dribbling.whole >= 399, `${dribbling.head} ${dribbling.whole}`)
  assert.deepEqual(dribbling.body, slow.body)
})

test('the effect is done and an error is answered, in JSON or as a gateway', async (t) => {
  const at = await testPortal(t)
  for (const status of [undefined, 502, 504]) {
    const before = at.deals().length
    at.fault({ where: 'write', mode: 'error_done', times: 1, ...(status === undefined ? {} : { status }) })
    assert.equal((await raw(at)).status, status ?? 500)
    assert.equal(at.deals().length, before + 1)
  }
})

test('a write cut before its effect may take effect late', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'write', mode: 'late', times: 1, ms: 50 })
  await assert.rejects(add(at))
  assert.equal(at.deals().length, 0)
  await until(() => at.deals().length === 1)
  assert.deepEqual(at.journal().filter(entry => entry.request !== undefined).map(({ kind }) => kind), ['received', 'cut', 'save', 'applied'])
})

test('a batch is cut in the middle, and single commands fail, with the others done', async (t) => {
  const at = await testPortal(t)
  const cmd = Object.fromEntries(['A', 'B', 'C'].map(title => [title, `crm.item.add?entityTypeId=2&fields[title]=${title}`]))
  at.fault({ where: 'write', mode: 'batch_cut', after: 2, times: 1 })
  await assert.rejects(batch(at, cmd))
  assert.deepEqual(at.deals().map(deal => deal['TITLE']), ['A', 'B'])
  at.fault({ where: 'write', mode: 'command_fails', contains: '"B"', code: 'CRM_FIELD_ERROR_VALUE_NOT_VALID', times: 1 })
  const result = await batch(at, cmd)
  assert.deepEqual(Object.keys(result['result'] as object), ['A', 'C'])
  assert.equal((result['result_error'] as { B: { error: string } }).B.error, 'CRM_FIELD_ERROR_VALUE_NOT_VALID')
  assert.deepEqual(at.journal().filter(entry => entry.kind === 'answered').at(-1)?.failed, [{ command: 'B', error: 'CRM_FIELD_ERROR_VALUE_NOT_VALID' }])
})

test('refusals of the credential: expired, revoked, without rights, without scope, plan ended, portal deleted', async (t) => {
  const at = await testPortal(t)
  const answers = { expired_token: [401, 'expired_token'], no_auth: [401, 'NO_AUTH_FOUND'], invalid_credentials: [403, 'INVALID_CREDENTIALS'], insufficient_scope: [403, 'insufficient_scope'], plan_ended: [403, 'ACCESS_DENIED'], portal_deleted: [403, 'PORTAL_DELETED'] }
  for (const [mode, answer] of Object.entries(answers)) {
    at.fault({ where: 'auth', mode, times: 1 })
    assert.deepEqual(refusal(await add(at)), answer)
  }
  assert.deepEqual([at.deals().length, at.stats().highestLevel], [0, 0])
})

test('a webhook whose scope is reduced or whose secret changes is refused from then on', async (t) => {
  const at = await testPortal(t)
  at.configure({ scope: ['user'] })
  assert.deepEqual(refusal(await add(at)), [403, 'insufficient_scope'])
  at.configure({ secret: 'another' })
  assert.deepEqual(refusal(await call(at, 'user.current')), [401, 'NO_AUTH_FOUND'])
})

test('an access token can be called expired before its time', async (t) => {
  const at = await testPortal(t, { apps: [APP] })
  const access = String((await tokens(at))['access_token'])
  at.fault({ where: 'auth', mode: 'expired_token', times: 1 })
  assert.deepEqual(refusal(await call(at, 'user.current', {}, access)), [401, 'expired_token'])
  assert.equal((await call(at, 'user.current', {}, access)).status, 200)
})

test('a fault aims by method, by a batch\'s command, by text, by the nth match and by number of times', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'answer', mode: '500', method: 'crm.item.add', nth: 2 })
  at.fault({ where: 'answer', mode: '503', contains: 'Ромашка', times: 1 })
  assert.deepEqual([(await add(at)).status, (await call(at, 'user.current')).status, (await add(at)).status, (await add(at)).status], [200, 200, 500, 200])
  const cmd = { a: `crm.item.add?entityTypeId=2&fields[title]=${encodeURIComponent('Ромашка')}` }
  assert.deepEqual([(await call(at, 'batch', { cmd })).status, (await call(at, 'batch', { cmd })).status], [503, 200])
})

test('chance comes from the seed: the same run has the same faults', async (t) => {
  const run = async (): Promise<number[]> => {
    const at = await testPortal(t)
    at.fault({ where: 'answer', mode: '500', probability: 0.5 })
    const got: number[] = []
    for (let i = 0; i < 20; i += 1) got.push((await call(at, 'user.current')).status)
    return got
  }
  const first = await run()
  assert.deepEqual(await run(), first)
  assert.deepEqual([...new Set(first)].toSorted(), [200, 500])
})

test('a fault of an unknown place or mode is not taken', async (t) => {
  const at = await testPortal(t)
  assert.throws(() => at.fault({ where: 'answer', mode: '501' }), /unknown answer fault "501"/)
  assert.throws(() => at.fault({ where: 'toString' as 'answer', mode: '500' }), /unknown fault place/)
})

test('a fault that is taken away says how often it struck, and strikes no more', async (t) => {
  const at = await testPortal(t)
  const id = at.fault({ where: 'answer', mode: '503' })
  await add(at)
  await add(at)
  assert.deepEqual([at.endFault(id), at.endFault(id)], [2, 0])
  await add(at)
  assert.equal(at.deals().length, 1)
})
