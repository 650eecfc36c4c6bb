import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doubledAdds, overlappingWrites, refusedRequests, untracedWrites } from '../../simulator/oracle.ts'
import { eventually } from '../support/eventually.ts'
import { startSystem } from '../support/system.ts'

test('the way of one deal: create, update, move, unchanged, delete, refusals, on real parts', async (t) => {
  const system = await startSystem(t)
  const service = await system.run('all')
  const acme = system.simulator.portal('acme')
  const main = system.simulator.portal('main')
  const landed = async (id: number, test: (deal: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> => await eventually(() => {
    const found = main.deals().find(deal => deal['ORIGIN_ID'] === `acme:${id}`)
    return found !== undefined && test(found) && found
  }, { deadlineMs: 30_000 })

  const id = acme.create({ TITLE: 'Pumps $result[x]', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', OPPORTUNITY: 1500.5, IS_MANUAL_OPPORTUNITY: 'Y', CURRENCY_ID: 'RUB', UF_CRM_CONTRACT: 'A-17' })
  await t.test('a new deal is created once in the target, mapped, with its ORIGIN pair and text that looks like a reference kept', async () => {
    const deal = await landed(id, () => true)
    assert.equal(deal['TITLE'], 'Pumps $result[x]')
    assert.equal(deal['STAGE_ID'], 'NEW')
    assert.equal(deal['OPPORTUNITY'], 1500.5)
    assert.equal(deal['ORIGINATOR_ID'], 'dealbridge')
    assert.equal(deal['UF_CRM_ESB_CONTRACT'], 'A-17')
    assert.equal(deal['SOURCE_DESCRIPTION'], 'Import from acme.bitrix24.ru')
    assert.match(String(deal['UF_CRM_IMPORT_DATE']), /^\d{4}-\d\d-\d\dT.*\+00:00$/)
  })
  await t.test('the read model shows it landed with its target id, and conservation holds', async () => {
    const summary = await system.settled(1)
    assert.equal(summary.signals, summary.open + Object.values(summary.ends).reduce((a, b) => a + b, 0))
    const deal = await system.deal('acme', id)
    assert.equal(deal?.state, 'landed')
    assert.equal(deal?.target_deal_id, main.deals()[0]?.['ID'])
  })
  await t.test('an update and a move of stage follow', async () => {
    acme.update(id, { TITLE: 'Pumps, 12 of them' })
    await landed(id, deal => deal['TITLE'] === 'Pumps, 12 of them')
    acme.move(id, 'C1:WON')
    await landed(id, deal => deal['STAGE_ID'] === 'WON')
  })
  await t.test('two changes within one second with identical webhooks both land', async () => {
    acme.update(id, { TITLE: 'first of the second' })
    acme.update(id, { TITLE: 'second of the second' })
    await landed(id, deal => deal['TITLE'] === 'second of the second')
  })
  await t.test('a webhook without a change ends as unchanged and writes nothing', async () => {
    await system.settled(1)
    const before = await system.summary()
    const writes = main.journal().filter(entry => entry.kind === 'applied').length
    const response = await fetch(`${system.ingest}/webhook/bitrix24/signal-acme`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `event=ONCRMDEALUPDATE&data[FIELDS][ID]=${id}&ts=1&auth[domain]=acme.bitrix24.ru&auth[application_token]=token-acme` })
    assert.equal(response.status, 200)
    const after = await system.settled(before.signals + 1)
    assert.equal(after.ends['unchanged'], (before.ends['unchanged'] ?? 0) + 1)
    assert.equal(main.journal().filter(entry => entry.kind === 'applied').length, writes)
  })
  await t.test('a webhook with a wrong token, secret or domain is refused and appends nothing', async () => {
    const before = await system.summary()
    const post = async (secret: string, token: string, domain: string): Promise<number> => (await fetch(`${system.ingest}/webhook/bitrix24/${secret}`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `event=ONCRMDEALUPDATE&data[FIELDS][ID]=${id}&ts=2&auth[domain]=${domain}&auth[application_token]=${token}` })).status
    for (const [secret, token, domain] of [['signal-wrong', 'token-acme', 'acme.bitrix24.ru'], ['signal-acme', 'token-beta', 'acme.bitrix24.ru'], ['signal-acme', 'token-acme', 'evil.example']] as const) {
      assert.ok([401, 403].includes(await post(secret, token, domain)), `${secret} ${token} ${domain}`)
    }
    assert.equal((await system.summary()).signals, before.signals)
  })
  await t.test('a stage without a mapping parks the deal with a reason, and its next good state lands', async () => {
    const other = acme.create({ TITLE: 'Valves', CATEGORY_ID: 1, STAGE_ID: 'C1:APOLOGY', OPPORTUNITY: 5, CURRENCY_ID: 'RUB' })
    const parked = await eventually(async () => {
      const deal = await system.deal('acme', other)
      return deal?.state === 'parked' && deal
    }, { deadlineMs: 20_000 })
    assert.ok(parked)
    assert.match(String(parked.reason), /stage/)
    acme.move(other, 'C1:NEW')
    await landed(other, () => true)
  })
  await t.test('a deal that is gone before it is read ends as skipped and deleted', async () => {
    acme.fault({ where: 'data', mode: 'vanish', times: 1 })
    const gone = acme.create({ TITLE: 'Gone', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
    await eventually(async () => (await system.deal('acme', gone))?.state === 'deleted', { deadlineMs: 20_000 })
    assert.equal(main.deals().some(deal => deal['ORIGIN_ID'] === `acme:${gone}`), false)
  })
  await t.test('a deleted deal is closed in the target, as the mapping says', async () => {
    acme.remove(id)
    await landed(id, deal => deal['STAGE_ID'] === 'LOSE')
    await system.settled(1)
    assert.equal((await system.deal('acme', id))?.state, 'deleted')
  })
  await t.test('a deal that stands in the target already is found by its ORIGIN pair and updated, and what is written once is not', async () => {
    const next = (acme.store.dump() as { next: Record<string, number> }).next['2']
    const standing = main.create({ TITLE: 'made by a lost attempt', UF_CRM_IMPORT_DATE: 'then', ORIGINATOR_ID: 'dealbridge', ORIGIN_ID: `acme:${next}` })
    const found = acme.create({ TITLE: 'Found again', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
    assert.equal(found, next)
    const deal = await landed(found, d => d['TITLE'] === 'Found again')
    assert.deepEqual([deal['ID'], deal['UF_CRM_IMPORT_DATE']], [standing, 'then'])
  })
  await t.test('a deal with more text than a record may hold is parked with a reason, and its neighbours land', async () => {
    const huge = acme.create({ TITLE: 'Huge', COMMENTS: 'x'.repeat(400_000), CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
    const neighbour = acme.create({ TITLE: 'Neighbour', CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' })
    await landed(neighbour, () => true)
    await eventually(async () => (await system.deal('acme', huge))?.reason === 'deal_too_large', { deadlineMs: 20_000 })
  })
  await t.test('every deal was added once, no two writes of one deal met, and no request was refused by the budget', () => {
    const record = main.journal()
    assert.ok(Object.keys(main.stats().adds).length >= 3)
    assert.deepEqual(doubledAdds(record), [])
    assert.deepEqual(overlappingWrites(record), [])
    assert.deepEqual(untracedWrites(record), [])
    assert.deepEqual([...refusedRequests(record), ...refusedRequests(acme.journal())], [])
  })
  await t.test('SIGTERM ends the service with exit code 0', async () => {
    service.kill('SIGTERM')
    await eventually(() => service.exitCode !== null, { deadlineMs: 20_000 })
    assert.equal(service.exitCode, 0)
  })
})
