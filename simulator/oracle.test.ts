import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalDraft, JournalEntry } from './journal.ts'
import { addsPerOrigin, budgetShare, deliveriesOf, doubledAdds, highestLevel, overlappingWrites, refusedRequests, untoldSaves, untracedWrites, writesOf } from './oracle.ts'
import { batch, call, handler, testPortal, until } from './testing.ts'

/** A journal written by hand, one second between entries. */
const journal = (...drafts: JournalDraft[]): JournalEntry[] => drafts.map((draft, i) => ({ seq: i + 1, at: i * 1000, portal: 'p', ...draft }))
const update = (request: string, dealId: number): JournalDraft => ({ kind: 'received', request, method: 'crm.item.update', level: 1, commands: [{ method: 'crm.item.update', type: 2, dealId }] })
const done = (request: string, dealId: number): JournalDraft => ({ kind: 'applied', request, method: 'crm.item.update', type: 2, dealId })
const pairs = (entries: JournalEntry[]): string[] => overlappingWrites(entries).map(([a, b]) => `${a.request} ${b.request}`)

test('an applied write names its request and, in a batch, its command', async (t) => {
  const at = await testPortal(t)
  const id = at.create({ TITLE: 'A' })
  await batch(at, { one: `crm.item.update?entityTypeId=2&id=${id}&fields[title]=B`, two: 'crm.item.add?entityTypeId=2&fields[title]=C&fields[originatorId]=x&fields[originId]=1', three: 'crm.item.get?entityTypeId=2&id=1' })
  await call(at, 'crm.deal.update', { id, fields: { TITLE: 'D' } })
  const entries = at.journal()
  const received = entries.filter(({ kind }) => kind === 'received')
  assert.deepEqual(entries.filter(({ kind }) => kind === 'applied').map(({ request, command, dealId }) => [request, command, dealId]), [[received[0]?.request, 'one', 1], [received[0]?.request, 'two', 2], [received[1]?.request, undefined, 1]])
  assert.deepEqual(entries.filter(({ kind }) => kind === 'save').map(({ request, command, by }) => [request, command, by]), [[undefined, undefined, 'person'], [received[0]?.request, 'one', 'rest'], [received[0]?.request, 'two', 'rest'], [received[1]?.request, undefined, 'rest']])
  assert.deepEqual(untracedWrites(entries), [])
  assert.deepEqual(entries.map(({ seq }) => seq), entries.map((_, i) => i + 1))
  assert.equal(entries[0]?.at, Date.parse('2026-03-01T12:00:00Z'))
})

test('a write that no request asked for is found', () => {
  assert.equal(untracedWrites(journal(update('r1', 7), done('r1', 7), done('r2', 7))).length, 1)
  assert.equal(untracedWrites(journal(update('r1', 7), { ...done('r1', 7), command: 'c1' })).length, 1)
})

test('adds are counted by ORIGIN pair: deals alone, both families', async (t) => {
  const at = await testPortal(t)
  const fields = { title: 'A', originatorId: 'x', originId: '1' }
  await call(at, 'crm.item.add', { entityTypeId: 2, fields })
  await call(at, 'crm.item.add', { entityTypeId: 4, fields })
  assert.deepEqual(addsPerOrigin(at.journal()), { 'x/1': 1 })
  assert.deepEqual(doubledAdds(at.journal()), [])
  await call(at, 'crm.deal.add', { fields: { TITLE: 'A', ORIGINATOR_ID: 'x', ORIGIN_ID: '1' } })
  assert.deepEqual(doubledAdds(at.journal()), ['x/1'])
})

test('two writes on one deal at the same time overlap, one after the other they do not', () => {
  const answered = (request: string): JournalDraft => ({ kind: 'answered', request, status: 200 })
  assert.deepEqual(pairs(journal(update('r1', 7), update('r2', 7), done('r1', 7), answered('r1'), done('r2', 7), answered('r2'))), ['r1 r2'])
  assert.deepEqual(pairs(journal(update('r1', 7), done('r1', 7), answered('r1'), update('r2', 7), done('r2', 7), answered('r2'))), [])
  assert.deepEqual(pairs(journal(update('r1', 7), update('r2', 8), done('r1', 7), answered('r1'), done('r2', 8), answered('r2'))), [])
})

test('a write that was cut lasts until its late effect, and one that was never answered lasts for ever', () => {
  assert.deepEqual(pairs(journal(update('r1', 7), { kind: 'cut', request: 'r1' }, update('r2', 7), done('r1', 7), done('r2', 7), { kind: 'answered', request: 'r2' })), ['r1 r2'])
  assert.deepEqual(pairs(journal(update('r1', 7), { kind: 'cut', request: 'r1' }, update('r2', 7), { kind: 'answered', request: 'r2' })), [])
  assert.deepEqual(pairs(journal(update('r1', 7), update('r2', 7), done('r2', 7), { kind: 'answered', request: 'r2' })), ['r1 r2'])
})

test('a create and an update overlap by the ORIGIN pair and by the id that the create got', () => {
  const add: JournalDraft = { kind: 'received', request: 'r1', method: 'crm.item.add', commands: [{ method: 'crm.item.add', type: 2, originatorId: 'x', originId: '1' }] }
  const added: JournalDraft = { kind: 'applied', request: 'r1', method: 'crm.item.add', type: 2, originatorId: 'x', originId: '1', dealId: 7 }
  assert.deepEqual(pairs(journal(add, added, update('r2', 7), { kind: 'answered', request: 'r1' }, { kind: 'answered', request: 'r2' })), ['r1 r2'])
  assert.deepEqual(pairs(journal(add, { ...add, request: 'r3' }, { kind: 'answered', request: 'r1' }, { kind: 'answered', request: 'r3' })), ['r1 r3'])
})

test('a refused request wrote nothing and overlaps with nothing', () => {
  assert.deepEqual(writesOf(journal(update('r1', 7), { kind: 'answered', request: 'r1', status: 503, error: 'QUERY_LIMIT_EXCEEDED' })), [])
})

test('real overlapping updates of one deal are told apart', async (t) => {
  const at = await testPortal(t, { latency_ms: 40 })
  const id = at.create({ TITLE: 'A' })
  const write = (title: string): Promise<unknown> => call(at, 'crm.item.update', { entityTypeId: 2, id, fields: { title } })
  await write('B')
  await write('C')
  assert.deepEqual(overlappingWrites(at.journal()), [])
  await Promise.all([write('D'), write('E')])
  assert.equal(overlappingWrites(at.journal()).length, 1)
})

test('refused requests, the highest level of the bucket and the share of the budget are in the record', async (t) => {
  const at = await testPortal(t, { limits: { per_second: 1, burst: 2 } })
  for (let i = 0; i < 3; i += 1) await call(at, 'user.current')
  assert.deepEqual(refusedRequests(at.journal()).map(({ status, error }) => [status, error]), [[503, 'QUERY_LIMIT_EXCEEDED']])
  assert.equal(highestLevel(at.journal()), 2)
  at.advance(2000)
  await call(at, 'user.current')
  assert.equal(budgetShare(at.journal(), { per_second: 1, burst: 2 }), 1)
})

test('every save is held against its deliveries: a lost webhook leaves its save untold', async (t) => {
  const to = await handler(t)
  const at = await testPortal(t, { webhooks: [{ url: `${to.url}/a`, kind: 'ui' }, { url: `${to.url}/b`, kind: 'ui' }] })
  at.fault({ where: 'webhook', mode: 'drop', nth: 2 })
  const id = at.create({ TITLE: 'A' })
  at.update(id, { TITLE: 'B' })
  await at.idle()
  assert.deepEqual(deliveriesOf(at.journal()).map(({ attempts }) => attempts.map(({ kind }) => kind).toSorted()), [['webhook_failed', 'webhook_sent'], ['webhook_sent', 'webhook_sent']])
  assert.deepEqual(untoldSaves(at.journal()).map(({ event }) => event), ['added'])
})

test('a caller that gives up is in the record as closed', async (t) => {
  const at = await testPortal(t)
  at.fault({ where: 'answer', mode: 'none', times: 1 })
  const giveUp = new AbortController()
  const waiting = fetch(`${at.restUrl}user.current`, { signal: giveUp.signal }).catch(() => 'gone')
  await until(() => at.journal().some(({ kind }) => kind === 'received'))
  giveUp.abort()
  assert.equal(await waiting, 'gone')
  await until(() => at.journal().some(({ kind }) => kind === 'closed'))
})
