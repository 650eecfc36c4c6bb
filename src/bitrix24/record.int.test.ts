import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'
import type { Holder } from '../../test/support/system.ts'
import type { RecordRef } from '../domain/mapping/carried.ts'
import type { PortalClient } from './client.ts'
import { readRecords, refKey } from './record.ts'
import type { RecordsRead } from './record.ts'

const NEVER = new AbortController().signal
const [CONTACT, COMPANY] = [3, 4] as const

async function connected (t: Holder): Promise<{ at: TestPortal, client: PortalClient }> {
  const at = await testPortal(t, { limits: { per_second: 1000, burst: 10000 } })
  return { at, client: await connectPortal(t, at.restUrl) }
}

const contacts = (at: TestPortal, count: number): RecordRef[] => Array.from({ length: count }, (_, i) => ({ kind: 'contact', sourceId: String(at.store.add(CONTACT, { NAME: `Ann ${i}` }, 1)) }))
const shown = (read: RecordsRead, ref: RecordRef): unknown => read.kind === 'read' ? read.records.get(refKey(ref))?.fields['NAME'] ?? read.records.get(refKey(ref))?.fields['TITLE'] : read.kind

test('a contact and a company with one id are two records, and telephones come as lists beside their ids', async (t) => {
  const { at, client } = await connected(t)
  const company = { kind: 'company', sourceId: String(at.store.add(COMPANY, { TITLE: 'Works' }, 1)) } as const
  const contact = { kind: 'contact', sourceId: String(at.store.add(CONTACT, { NAME: 'Ann', FM: [{ typeId: 'PHONE', valueType: 'HOME', value: '+7 900 1' }] }, 1)) } as const
  assert.equal(company.sourceId, contact.sourceId)
  const read = await readRecords(client, [company, contact], NEVER)
  assert.deepEqual([shown(read, company), shown(read, contact)], ['Works', 'Ann'])
  const ann = read.kind === 'read' ? read.records.get(refKey(contact)) : undefined
  assert.deepEqual([ann?.fields['PHONE'], ann?.multi.map(({ typeId, valueType, value }) => [typeId, valueType, value])], [[{ VALUE: '+7 900 1', VALUE_TYPE: 'HOME' }], [['PHONE', 'HOME', '+7 900 1']]])
})

test('more records than one request reads come by several, each as itself', async (t) => {
  const { at, client } = await connected(t)
  const refs = contacts(at, 2460)
  const read = await readRecords(client, refs, NEVER)
  assert.deepEqual(refs.map(ref => shown(read, ref)), refs.map((_, i) => `Ann ${i}`))
  assert.equal(at.stats().requests, 2)
})

test('a record that is gone is left out, and so are all when the portal refuses their list; a portal that fails says so', async (t) => {
  const { at, client } = await connected(t)
  const [gone, stays] = contacts(at, 2) as [RecordRef, RecordRef]
  at.store.remove(CONTACT, Number(gone.sourceId), 1)
  const read = await readRecords(client, [gone, stays], NEVER)
  assert.deepEqual([shown(read, gone), shown(read, stays)], [undefined, 'Ann 1'])
  at.fault({ where: 'write', mode: 'command_fails', code: 'ACCESS_DENIED', times: 1 })
  const refused = await readRecords(client, [stays], NEVER)
  assert.deepEqual(refused.kind === 'read' && refused.records.size, 0)
  at.fault({ where: 'answer', mode: '503', times: 1 })
  assert.equal((await readRecords(client, [stays], NEVER)).kind, 'failed')
})
