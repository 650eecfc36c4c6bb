import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

test('binding answers true, or false if bound; the first contact is the primary one', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A' })
  const add = async (contact: number, more = {}): Promise<unknown> => (await ask('crm.deal.contact.add', { id: 1, fields: { CONTACT_ID: contact, ...more } })).result
  assert.deepEqual([await add(55), await add(55), await add(66), await add(77, { IS_PRIMARY: 'Y', SORT: 5 })], [true, false, true, true])
  assert.deepEqual((await ask('crm.deal.contact.items.get', { id: 1 })).result, [
    { CONTACT_ID: 77, SORT: 5, ROLE_ID: 0, IS_PRIMARY: 'Y' }, { CONTACT_ID: 55, SORT: 10, ROLE_ID: 0, IS_PRIMARY: 'N' }, { CONTACT_ID: 66, SORT: 20, ROLE_ID: 0, IS_PRIMARY: 'N' }
  ])
  assert.equal(portal.deal(1)?.['CONTACT_ID'], 77)
  assert.equal((await ask('crm.deal.contact.delete', { id: 1, fields: { CONTACT_ID: 77 } })).result, true)
  assert.deepEqual(only(portal.deal(1), 'CONTACT_ID', 'CONTACT_IDS'), { CONTACT_ID: 55, CONTACT_IDS: [55, 66] })
})

test('a set replaces all contacts, a delete of all leaves none', async (t) => {
  const { portal, ask } = await testPortal(t)
  portal.create({ TITLE: 'A', CONTACT_IDS: [1, 2] })
  assert.equal((await ask('crm.deal.contact.items.set', { id: 1, items: [{ CONTACT_ID: 8 }, { CONTACT_ID: 9, IS_PRIMARY: 'Y' }] })).result, true)
  assert.deepEqual(only(portal.deal(1), 'CONTACT_ID', 'CONTACT_IDS'), { CONTACT_ID: 9, CONTACT_IDS: [8, 9] })
  await ask('crm.deal.contact.items.delete', { id: 1 })
  assert.deepEqual(only(portal.deal(1), 'CONTACT_ID', 'CONTACT_IDS'), { CONTACT_ID: 0, CONTACT_IDS: [] })
  assert.deepEqual((await ask('crm.deal.contact.items.get', { id: 7 })).body, { error: '', error_description: 'Not found' })
})

test('contactId is the primary one of contactIds, whichever of the two is written', async (t) => {
  const { askItem } = await testPortal(t)
  const contacts = (item: unknown): unknown[] => Object.values(only(item, 'contactId', 'contactIds'))
  assert.deepEqual(contacts(await askItem('crm.item.add', { fields: { contactIds: [84, '91', 84] } })), [84, [84, 91]])
  assert.deepEqual(contacts(await askItem('crm.item.update', { id: 1, fields: { contactId: 91 } })), [91, [84, 91]])
  assert.deepEqual(contacts(await askItem('crm.item.update', { id: 1, fields: { contactIds: [84] } })), [84, [84]])
  assert.deepEqual(contacts(await askItem('crm.item.update', { id: 1, fields: { contactId: 70 } })), [70, [70]])
  assert.deepEqual(contacts(await askItem('crm.item.update', { id: 1, fields: { contactId: 0 } })), [0, []])
})

test('a change of contacts sends no event unless the switch says so', async (t) => {
  const events = async (binding_fires_update: boolean): Promise<number> => {
    const { portal, ask } = await testPortal(t, { switches: { binding_fires_update }, webhooks: [{ url: 'http://127.0.0.1:9/', kind: 'ui' }] })
    portal.create({ TITLE: 'A' })
    await ask('crm.deal.contact.add', { id: 1, fields: { CONTACT_ID: 5 } })
    await portal.idle()
    return portal.journal().filter(entry => entry.event === 'ONCRMDEALUPDATE').length
  }
  assert.deepEqual([await events(false), await events(true)], [0, 1])
})
