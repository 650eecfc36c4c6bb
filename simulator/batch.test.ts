import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batch, call, testPortal } from './testing.ts'

const add = (title: string, more = ''): string => `crm.item.add?entityTypeId=2&fields[title]=${title}${more}`
const BAD = 'crm.item.get?entityTypeId=2&id=999'

test('commands run in key order, and without halt an error stops nothing', async (t) => {
  const at = await testPortal(t)
  const result = await batch(at, { z: add('first'), bad: BAD, a: add('second') })
  assert.deepEqual(at.deals().map(deal => deal['TITLE']), ['first', 'second'])
  assert.deepEqual(Object.keys(result['result'] as object), ['z', 'a'])
  assert.deepEqual(result['result_error'], { bad: { error: 'NOT_FOUND', error_description: 'Item not found' } })
})

test('with halt, in each of its forms, what follows the first error is nowhere', async (t) => {
  const at = await testPortal(t)
  for (const halt of [1, true, '1', 'true']) {
    const result = await batch(at, { a: 'user.current', bad: BAD, c: add('never') }, { halt })
    assert.deepEqual([Object.keys(result['result'] as object), Object.keys(result['result_error'] as object)], [['a'], ['bad']])
  }
  for (const halt of [0, false, '0']) assert.equal(Object.keys((await batch(at, { bad: BAD, c: 'user.current' }, { halt }))['result'] as object).length, 1)
  assert.equal(at.deals().length, 0)
})

test('the 51st command fails by itself with ERROR_BATCH_LENGTH_EXCEEDED', async (t) => {
  const at = await testPortal(t)
  const result = await batch(at, Object.fromEntries(Array.from({ length: 52 }, (_, i) => [`c${i}`, add(String(i))])))
  assert.equal(at.deals().length, 50)
  assert.deepEqual(Object.entries(result['result_error'] as Record<string, { error: string }>).map(([key, { error }]) => [key, error]), [['c50', 'ERROR_BATCH_LENGTH_EXCEEDED'], ['c51', 'ERROR_BATCH_LENGTH_EXCEEDED']])
})

test('a batch in a batch is refused', async (t) => {
  const at = await testPortal(t)
  const result = await batch(at, { inner: 'batch?cmd[a]=user.current' })
  assert.equal((result['result_error'] as { inner: { error: string } }).inner.error, 'ERROR_BATCH_METHOD_NOT_ALLOWED')
})

test('empty maps are [], and numeric keys turn maps into arrays until one fails', async (t) => {
  const at = await testPortal(t)
  assert.deepEqual(await batch(at, {}), { result: [], result_error: [], result_total: [], result_next: [], result_time: [] })
  const good = await batch(at, { 0: 'crm.category.list?entityTypeId=2', 1: 'crm.deal.list' })
  assert.deepEqual([Array.isArray(good['result']), Array.isArray(good['result_total'])], [true, true])
  const bad = await batch(at, { 0: BAD, 1: 'crm.deal.list' })
  assert.deepEqual([Object.keys(bad['result'] as object), Array.isArray(bad['result']), Array.isArray(bad['result_error'])], [['1'], false, true])
})

test('a reference takes the value of an earlier answer, through the extra level of the universal family and a list\'s index', async (t) => {
  const at = await testPortal(t)
  await batch(at, { c: 'crm.item.add?entityTypeId=4&fields[title]=Co', l: 'crm.item.list?entityTypeId=4', d: add('D', '&fields[companyId]=$result[c][item][id]'), e: add('E', '&fields[companyId]=$result[l][items][0][id]') })
  assert.deepEqual(at.deals().map(deal => deal['COMPANY_ID']), [1, 1])
})

test('a reference to an error, to a later command, past the answer or to nothing is sent as an empty text', async (t) => {
  const at = await testPortal(t)
  await batch(at, { bad: BAD, ...Object.fromEntries(['bad][item][id', 'z', 'u][NO', 'none'].map((path, i) => [`d${i}`, add(`D${i}`, `&fields[sourceDescription]=$result[${path}]`)])), u: 'user.current', z: 'user.current' })
  assert.deepEqual(at.deals().map(deal => deal['SOURCE_DESCRIPTION']), ['', '', '', ''])
})

test('values in a command are decoded once more than the command', async (t) => {
  const at = await testPortal(t)
  await batch(at, { a: add(encodeURIComponent('Ромашка & K + 100%')) })
  const form = new URLSearchParams({ 'cmd[a]': add(encodeURIComponent('Form & K')) })
  await fetch(`${at.restUrl}batch`, { method: 'POST', body: form })
  assert.deepEqual(at.deals().map(deal => deal['TITLE']), ['Ромашка & K + 100%', 'Form & K'])
})

test('totals, pages and times of the commands have maps of their own', async (t) => {
  const at = await testPortal(t)
  for (let i = 0; i < 51; i += 1) at.create({ TITLE: String(i) })
  const result = await batch(at, { l: 'crm.item.list?entityTypeId=2', s: 'crm.item.list?entityTypeId=2&start=-1', bad: BAD })
  assert.deepEqual([result['result_total'], result['result_next']], [{ l: 51, s: 0 }, { l: 50 }])
  assert.deepEqual(Object.keys(result['result_time'] as object), ['l', 's'])
})

test('a batch without commands or with a text for them is accepted and does nothing', async (t) => {
  const at = await testPortal(t)
  for (const params of [{}, { cmd: 'user.current' }, { cmd: null }]) assert.equal((await call(at, 'batch', params)).status, 200)
  assert.equal(at.stats().commands, 0)
})
