import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPortal } from './test-portal.ts'
import type { Ask } from './test-portal.ts'

async function found (ask: Ask, filter: object, order: object = { id: 'ASC' }): Promise<string> {
  const { result } = await ask('crm.item.list', { entityTypeId: 2, useOriginalUfNames: 'Y', filter, order, select: ['id', 'title'] })
  return (result as { items: { title: string }[] }).items.map(item => item.title).join(' ')
}

test('every prefix compares as documented', async (t) => {
  const { portal, ask } = await testPortal(t)
  for (const [TITLE, OPPORTUNITY] of [['apple', 10], ['grape', 20], ['Plum', 30]] as const) portal.create({ TITLE, OPPORTUNITY })
  const cases: [object, string][] = [
    [{ title: 'apple' }, 'apple'], [{ '=title': 'apple' }, 'apple'], [{ '!title': 'apple' }, 'grape Plum'], [{ '!=title': 'apple' }, 'grape Plum'],
    [{ '>opportunity': '10' }, 'grape Plum'], [{ '>=opportunity': 20 }, 'grape Plum'], [{ '<opportunity': 20 }, 'apple'], [{ '<=opportunity': 9 }, ''],
    [{ '@id': [1, '3'] }, 'apple Plum'], [{ '!@id': [1, 3] }, 'grape'], [{ '%title': 'AP' }, 'apple grape'], [{ '!%title': 'ap' }, 'Plum'],
    [{ '=%title': 'ap%' }, 'apple'], [{ '%=title': '%e' }, 'apple grape'], [{ '=%title': 'ap' }, ''], [{ '!=%title': 'ap%' }, 'grape Plum'], [{ '!%=title': '%e' }, 'Plum']
  ]
  for (const [filter, titles] of cases) assert.equal(await found(ask, filter), titles, JSON.stringify(filter))
})

test('a nested {"logic":"OR"} holds when one of its maps does, beside the other conditions', async (t) => {
  const { portal, ask } = await testPortal(t, { funnels: [{ id: 0 }, { id: 1 }] })
  for (const [TITLE, CATEGORY_ID] of [['a', 0], ['b', 0], ['c', 1]] as const) portal.create({ TITLE, CATEGORY_ID })
  assert.equal(await found(ask, { '=categoryId': 0, 0: { logic: 'OR', 0: { title: 'b' }, 1: { title: 'c' } } }), 'b')
  assert.equal(await found(ask, { logic: 'OR', 0: { title: 'a' }, 1: { categoryId: 1, title: 'c' } }), 'a c')
})

test('a condition on a multiple field holds when one of its values does, "not" when none does', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'a', CONTACT_IDS: [84, 91] })
  portal.create({ TITLE: 'b' })
  assert.equal(await found(ask, { contactIds: 91 }), 'a')
  assert.equal(await found(ask, { '!contactIds': 91 }), 'b')
})

test('an empty value is neither greater nor smaller than a number', async (t) => {
  const { portal, ask } = await testPortal(t, { custom_fields: [{ name: 'UF_CRM_N', type: 'integer' }] })
  portal.create({ TITLE: 'a', UF_CRM_N: 5 })
  portal.create({ TITLE: 'b' })
  assert.equal(await found(ask, { '<UF_CRM_N': 9 }), 'a')
  assert.equal(await found(ask, { UF_CRM_N: '' }), 'b')
})

test('times are compared as instants whatever the offset, and order is by the field and then by id', async (t) => {
  let now = Date.parse('2026-09-01T10:00:00Z')
  const { portal, ask } = await testPortal(t, { zone: '+03:00' }, () => now)
  for (const TITLE of ['a', 'b', 'c']) { portal.create({ TITLE }); now += TITLE === 'a' ? 1000 : 0 }
  assert.equal(await found(ask, { '>=updatedTime': '2026-09-01T12:00:01+02:00' }), 'b c')
  assert.equal(await found(ask, {}, { updatedTime: 'DESC' }), 'b c a')
})

test('a list has pages of 50; start -1 counts nothing and has no next', async (t) => {
  const { portal, ask } = await testPortal(t)
  for (let i = 0; i < 60; i += 1) portal.create({ TITLE: String(i) })
  const page = async (start: number): Promise<unknown[]> => {
    const { body, result } = await ask('crm.item.list', { entityTypeId: 2, start, select: ['id'] })
    return [(result as { items: unknown[] }).items.length, body['total'], body['next']]
  }
  assert.deepEqual([await page(0), await page(50), await page(-1)], [[50, 60, 50], [10, 60, undefined], [50, 0, undefined]])
})
