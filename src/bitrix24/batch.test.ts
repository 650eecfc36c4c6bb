import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { batch, testPortal } from '../../simulator/testing.ts'
import { commandText, jsonText, looksLikeReference } from './batch.ts'
import type { Json } from '../domain/mapping/mapping.ts'

const TRICKY = ['A&B', 'a=b', '1+1', '100%', '%41', '[x]', 'fields[title]=evil', '?', '#', '/', '\\', '"', '\'', 'Ромашка', '日本', '👍🏽', 'a\nb\tc', ' both ends ', '$result', '$1', '']
const text = (value: Json): string => commandText({ method: 'm', params: { v: value } })

test('a method without parameters stands alone', () => {
  assert.equal(commandText({ method: 'user.current', params: {} }), 'user.current')
})

test('names nest as PHP reads them, and only values and the parts of names are encoded', () => {
  const params = { entityTypeId: 2, filter: { '@id': ['1', '2'], '=originId': 'acme:7' } }
  assert.equal(commandText({ method: 'crm.item.list', params }), 'crm.item.list?entityTypeId=2&filter[%40id][0]=1&filter[%40id][1]=2&filter[%3DoriginId]=acme%3A7')
})

test('null, an empty list and an empty map are sent as an empty value, so that they clear a field; flags are Y and N', () => {
  assert.deepEqual([null, [], {}, [[]], true, false, 0, '0'].map(text), ['m?v=', 'm?v=', 'm?v=', 'm?v[0]=', 'm?v=Y', 'm?v=N', 'm?v=0', 'm?v=0'])
})

test('half an emoji is replaced instead of breaking the request of all deals that travel with it', () => {
  assert.equal(text('a\ud83d'), `m?v=a${encodeURIComponent('\ufffd')}`)
  assert.equal(text({ 'x\udc4d': 'a' }), `m?v[x${encodeURIComponent('\ufffd')}]=a`)
  assert.equal(jsonText({ v: ['a\ud83d', '👍'] }), '{"v":["a\ufffd","👍"]}')
})

test('whatever the text, it comes out of the command as it went in, and in no other parameter', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => {
    const query = commandText({ method: 'm', params: { v: value, w: 'end' } }).slice(2)
    const read = query.split('&').map(pair => pair.split('='))
    assert.deepEqual(read.map(([name, encoded]) => [name, decodeURIComponent(encoded ?? '')]), [['v', value], ['w', 'end']])
  }))
})

test('a portal stores what a command carries, sign for sign', async (t) => {
  const at = await testPortal(t, { custom_fields: [{ name: 'UF_CRM_LIST', type: 'string', multiple: true }] })
  const titles = TRICKY.filter(title => title !== '')
  const command = (title: string): string => commandText({ method: 'crm.item.add', params: { entityTypeId: 2, useOriginalUfNames: 'Y', fields: { title, UF_CRM_LIST: [title, 'x'] } } })
  await batch(at, Object.fromEntries(titles.map((title, i) => [`w${i}`, command(title)])))
  assert.deepEqual(at.deals().map(deal => deal['TITLE']), titles)
  assert.deepEqual(at.deals().map(deal => deal['UF_CRM_LIST']), titles.map(title => [title, 'x']))
})

test('a text that a portal would replace by another command\'s result is recognised at every depth, and no other is', () => {
  for (const value of ['$result[c1][item][id]', 'see $result[x]', ['a', '$result[c]'], { a: { b: ['$result[c]'] } }]) assert.equal(looksLikeReference(value), true, JSON.stringify(value))
  for (const value of ['$result', 'result[c]', '$ result[c]', 7, null, true, [], {}, ['a', { b: 'c' }], ...TRICKY]) assert.equal(looksLikeReference(value), false, JSON.stringify(value))
})
