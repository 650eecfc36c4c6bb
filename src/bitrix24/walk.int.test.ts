import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testPortal } from '../../simulator/testing.ts'
import type { TestPortal } from '../../simulator/testing.ts'
import { connectPortal } from '../../test/support/portal-client.ts'
import type { Holder } from '../../test/support/system.ts'
import type { PortalClient } from './client.ts'
import { readDeals } from './read.ts'
import { versionOf } from './version.ts'
import { NARROWEST, countDeals, nextWidth, walkDeals } from './walk.ts'

const NEVER = new AbortController().signal
const QUICK = { limits: { per_second: 1000, burst: 10_000 } }

/** Plays deals with these ids, as an import or years of deletions leave them. */
function deals (at: TestPortal, ids: readonly number[]): void {
  const record = at.store.get(2, at.create({ TITLE: 'x' }))
  at.store.all(2).delete(Number(record['ID']))
  for (const id of ids) at.store.all(2).set(id, { ...record, ID: id })
}

async function walkAll (client: PortalClient, from: { width: number }): Promise<{ ids: number[], requests: number }> {
  const ids: number[] = []
  let [after, { width }, requests] = [0n as bigint | null, from, 0]
  for (; after !== null; requests += 1) {
    const walked = await walkDeals(client, { after, width }, NEVER)
    if (walked.kind === 'failed') throw new Error(walked.failure.detail)
    ids.push(...walked.deals.map(deal => Number(deal.id)))
    after = walked.upTo
    width = walked.width
  }
  return { ids, requests }
}

async function connected (t: Holder): Promise<{ at: TestPortal, client: PortalClient }> {
  const at = await testPortal(t, QUICK)
  return { at, client: await connectPortal(t, at.restUrl) }
}

test('every deal is listed once, in the order of ids, however these lie: dense, far apart, in islands', async (t) => {
  const { at, client } = await connected(t)
  const row = (from: number, count: number, gap: number): number[] => Array.from({ length: count }, (_, i) => from + i * gap)
  for (const ids of [row(1, 2600, 1), row(7, 400, 90), [...row(3, 120, 1), ...row(400_000, 130, 2), ...row(900_000, 90, 1)], []]) {
    at.store.all(2).clear()
    deals(at, ids)
    for (const width of [NARROWEST, 40_000]) {
      const { ids: listed, requests } = await walkAll(client, { width })
      assert.deepEqual(listed, ids)
      assert.ok(requests <= 16, `${requests} requests for ${ids.length} deals`)
    }
  }
})

test('a page that overflows ends the request at its last deal', async (t) => {
  const { at, client } = await connected(t)
  deals(at, Array.from({ length: 200 }, (_, i) => i + 1))
  const walked = await walkDeals(client, { after: 0n, width: 100 }, NEVER)
  assert.deepEqual(walked.kind === 'read' && [walked.deals.length, walked.upTo, walked.width], [50, 50n, NARROWEST])
})

test('a page spans what seven tenths of it would hold, never more than eight times the last one', () => {
  assert.deepEqual([nextWidth(50, 2450, 2450), nextWidth(100, 490, 4900), nextWidth(50, 0, 2450), nextWidth(50, 1, 2450), nextWidth(51_200, 0, 1)], [50, 350, 400, 400, 51_200])
})

test('deals are listed with the fields and hashes of a read', async (t) => {
  const { at, client } = await connected(t)
  const id = String(at.create({ TITLE: 'x', OPPORTUNITY: 12.5 }))
  const [walked, read] = [await walkDeals(client, { after: 0n, width: NARROWEST }, NEVER), await readDeals(client, [id], NEVER)]
  const found = read.kind === 'read' ? read.deals.get(id) : undefined
  assert.ok(walked.kind === 'read' && found?.kind === 'found')
  assert.deepEqual(walked.deals.map(({ deal }) => versionOf(deal)), [versionOf(found.deal)])
})

test('a request of which one page failed tells nothing', async (t) => {
  const { at, client } = await connected(t)
  at.fault({ where: 'write', mode: 'command_fails', code: 'INTERNAL_SERVER_ERROR', method: 'crm.item.list', times: 1 })
  assert.equal((await walkDeals(client, { after: 0n, width: NARROWEST }, NEVER)).kind, 'failed')
})

test('the portal counts its deals; a refusal is no number', async (t) => {
  const { at, client } = await connected(t)
  for (let i = 0; i < 70; i += 1) at.create({ TITLE: 'x' })
  assert.equal(await countDeals(client, NEVER), 70)
  at.fault({ where: 'auth', mode: 'no_auth', times: 1 })
  assert.equal(await countDeals(client, NEVER), null)
})
