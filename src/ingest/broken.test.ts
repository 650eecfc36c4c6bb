import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openIngest } from '../../test/support/ingest-room.ts'
import { answerBroken } from './broken.ts'

/** What is said on a connection in this state after an error of this code. */
function said (code: string | undefined, state: { writable: boolean, destroyed: boolean } = { writable: true, destroyed: false }): { text: string, ends: number, counted: number } {
  const seen = { text: '', ends: 0, counted: 0 }
  const error: Error & { code?: string } = new Error('canary')
  if (code !== undefined) error.code = code
  answerBroken(error, { ...state, write: (text) => { seen.text += text }, destroy: () => { seen.ends++ } }, { failed: () => { seen.counted++ } })
  return seen
}

test('each kind of broken request has its status, is counted, and ends the connection', () => {
  for (const [code, status] of [['ERR_HTTP_REQUEST_TIMEOUT', 408], ['HPE_HEADER_OVERFLOW', 431], ['HPE_INVALID_METHOD', 400], [undefined, 400]] as const) {
    const { text, ends, counted } = said(code)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} .*\r\nconnection: close\r\ncontent-type: application/problem\\+json`))
    assert.ok(head.endsWith(`content-length: ${Buffer.byteLength(body)}`))
    const problem = JSON.parse(body) as { title: string, status: number }
    assert.ok(head.startsWith(`HTTP/1.1 ${problem.status} ${problem.title}\r\n`))
    assert.deepEqual([ends, counted], [1, 1])
    assert.doesNotMatch(text, /canary/)
  }
})

test('a connection that is gone is told nothing', () => {
  assert.deepEqual(said('ECONNRESET'), { text: '', ends: 0, counted: 0 })
  assert.deepEqual(said('HPE_INVALID_METHOD', { writable: false, destroyed: true }), { text: '', ends: 0, counted: 0 })
  assert.deepEqual(said('HPE_INVALID_METHOD', { writable: false, destroyed: false }), { text: '', ends: 1, counted: 1 })
})

test('a request has 10 s to arrive', (t) => {
  const { app } = openIngest(t)
  assert.equal('requestTimeout' in app.server && app.server.requestTimeout, 10_000)
})
