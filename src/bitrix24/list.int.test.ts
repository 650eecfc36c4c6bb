import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOON, testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'
import type { Holder } from '../../test/support/system.ts'
import type { PortalClient } from './client.ts'
import { listChanged, listPresent } from './list.ts'
import type { Stretch } from './stretch.ts'

const NEVER = new AbortController().signal

async function connected (t: Holder, zone: string): Promise<{ at: TestPortal, client: PortalClient }> {
  const at = await testPortal(t, { zone, limits: { per_second: 1000, burst: 10_000 } })
  return { at, client: await connectPortal(t, at.restUrl) }
}

async function listAll (client: PortalClient, from: number): Promise<{ ids: string[], requests: number }> {
  const ids: string[] = []
  let rest: readonly Stretch[] = [{ from, to: null, afterId: null }]
  let requests = 0
  for (; rest.length > 0; requests += 1) {
    const listed = await listChanged(client, rest, NEVER)
    if (listed.kind === 'failed') throw new Error(listed.failure.detail)
    ids.push(...listed.deals.map(deal => deal.id))
    rest = listed.rest
  }
  return { ids, requests }
}

test('every deal is listed once: 180 of one second, and 600 over ten minutes in far fewer requests than pages, in every zone', async (t) => {
  for (const zone of ['+03:00', '-05:00', '+00:00']) {
    const { at, client } = await connected(t, zone)
    const make = (): string => String(at.create({ TITLE: 'x' }))
    const before = make()
    at.advance(1000)
    const ids = Array.from({ length: 180 }, make)
    for (let i = 0; i < 600; i += 1) { at.advance(1000); ids.push(make()) }
    const { ids: listed, requests } = await listAll(client, NOON + 1000)
    assert.deepEqual(listed.toSorted(), ids.toSorted(), zone)
    assert.equal(listed.includes(before), false)
    assert.ok(requests <= 9, `${requests} requests for 16 pages`)
  }
})

test('a portal that does not obey the filter, or answers no page, makes the list fail instead of going on', async (t) => {
  const { at, client } = await connected(t, '+03:00')
  for (let i = 0; i < 60; i += 1) at.create({ TITLE: 'x' })
  at.fault({ where: 'write', mode: 'command_fails', code: 'INTERNAL_SERVER_ERROR', method: 'crm.item.list', times: 1 })
  assert.equal((await listChanged(client, [{ from: 0, to: null, afterId: null }], NEVER)).kind, 'failed')
  at.fault({ where: 'write', mode: 'command_fails', code: 'INTERNAL_SERVER_ERROR', method: 'crm.item.list', times: 1 })
  assert.equal((await listPresent(client, ['1'], NEVER)).kind, 'failed')
})

test('of 120 ids the list names those that are there', async (t) => {
  const { at, client } = await connected(t, '+03:00')
  const ids = Array.from({ length: 120 }, () => String(at.create({ TITLE: 'x' })))
  const gone = ids.filter((_, i) => i % 40 === 3)
  for (const id of gone) at.remove(Number(id))
  const listed = await listPresent(client, ids, NEVER)
  assert.deepEqual(listed.kind === 'read' && ids.filter(id => !listed.present.has(id)), gone)
})
