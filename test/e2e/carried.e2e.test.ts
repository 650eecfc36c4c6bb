import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { doubledAdds, overlappingWrites, refusedRequests } from '../../simulator/oracle.ts'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'
import { eventually } from '../support/eventually.ts'
import { startSystem } from '../support/system.ts'

const [CONTACT, COMPANY] = [3, 4] as const
const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const PARTNER = new URL('../../mapping/partner.yaml', import.meta.url)

test('contacts and companies go with their deals, one of each however many deals share it, on real parts', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-carried-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  // The lines that the example shows in comments are those of this test.
  const mapping = path.join(dir, 'mapping.yaml')
  writeFileSync(mapping, readFileSync(PARTNER, 'utf8').replace(/^# (contacts:|companies:)/gm, '$1'))
  const system = await startSystem(t, { mapping })
  await system.run('all')
  const [acme, beta, main] = [system.simulator.portal('acme'), system.simulator.portal('beta'), system.simulator.portal('main')]
  const contact = acme.store.add(CONTACT, { NAME: 'Ann', LAST_NAME: 'Smith', FM: [{ typeId: 'PHONE', valueType: 'WORK', value: '+7 900 111-22-33' }] }, 1)
  const company = acme.store.add(COMPANY, { TITLE: 'Works' }, 1)
  const theirs = beta.store.add(CONTACT, { NAME: 'A.', LAST_NAME: 'Smith', FM: [{ typeId: 'PHONE', valueType: 'HOME', value: '8 900 111 22 33' }] }, 1)
  const base = { CATEGORY_ID: 1, STAGE_ID: 'C1:NEW', CURRENCY_ID: 'RUB' }
  const deals = Array.from({ length: 12 }, (_, i) => acme.create({ ...base, TITLE: `deal ${i}`, CONTACT_IDS: [contact], COMPANY_ID: company }))
  const other = beta.create({ ...base, TITLE: 'of beta', CONTACT_IDS: [theirs] })
  const copy = (origin: string): Record<string, unknown> | undefined => main.deals().find(deal => deal['ORIGIN_ID'] === origin)

  await t.test('every deal lands, bound to the one contact and the one company', async () => {
    await system.settled(13)
    const [ann] = [...main.store.all(CONTACT).values()]
    assert.deepEqual([main.store.all(CONTACT).size, main.store.all(COMPANY).size, main.deals().length], [1, 1, 13])
    for (const origin of [...deals.map(id => `acme:${id}`), `beta:${other}`]) assert.deepEqual(copy(origin)?.['CONTACT_IDS'], [ann?.['ID']], origin)
    assert.deepEqual(new Set(deals.map(id => copy(`acme:${id}`)?.['COMPANY_ID'])), new Set([...main.store.all(COMPANY).keys()]))
  })
  await t.test('a changed contact follows at its deal\'s next change', async () => {
    acme.store.update(CONTACT, contact, { LAST_NAME: 'Smith-Jones' }, 1)
    acme.update(deals[0] ?? 0, { TITLE: 'changed' })
    const origin = [...main.store.all(CONTACT).values()][0]?.['ORIGIN_ID']
    // Whose contact came first made the record; the other one's was recognised and never writes it.
    await eventually(() => copy(`acme:${deals[0]}`)?.['TITLE'] === 'changed', { deadlineMs: 20_000 })
    assert.equal([...main.store.all(CONTACT).values()][0]?.['LAST_NAME'], origin === `acme:${contact}` ? 'Smith-Jones' : 'Smith')
  })
  await t.test('a contact and a company that change alone follow by the full pass', async () => {
    acme.store.update(COMPANY, company, { TITLE: 'Works and Sons' }, 1)
    const made = [...main.store.all(CONTACT).values()][0]?.['ORIGIN_ID'] === `acme:${contact}`
    if (made) acme.store.update(CONTACT, contact, { LAST_NAME: 'Jones' }, 1)
    const { signals } = await system.summary()
    const run = async (): Promise<unknown> => {
      const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, CLI, 'sweep', 'run', '--config', system.config, '--portal', 'acme', '--full', '--json'])
      const [told] = (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { portals: Record<string, unknown>[] }).portals
      return told?.['result'] === 'done' && told
    }
    await eventually(run, { deadlineMs: 60_000 })
    await eventually(() => [...main.store.all(COMPANY).values()][0]?.['TITLE'] === 'Works and Sons', { deadlineMs: 30_000 })
    if (made) await eventually(() => [...main.store.all(CONTACT).values()][0]?.['LAST_NAME'] === 'Jones', { deadlineMs: 30_000 })
    const settled = await system.settled(signals + 1)
    assert.ok(settled.signals - signals <= 2, 'one deal for each of the two records')
    await eventually(run, { deadlineMs: 60_000 })
    assert.equal((await system.summary()).signals, settled.signals, 'and what was brought along is not found again')
  })
  await t.test('nothing was added twice, no two writes met, and the budget refused nothing', () => {
    const record = main.journal()
    assert.deepEqual([doubledAdds(record), overlappingWrites(record), refusedRequests([...record, ...acme.journal(), ...beta.journal()])], [[], [], []])
  })
})
