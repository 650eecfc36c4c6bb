import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { JournalEntry } from '../../simulator/journal.ts'
import type { Call, Evidence, Finding, LogDump, PortalDeal, SourceSave, TargetSave } from '../rig/evidence.ts'
import { askAll } from './all.ts'
import { goodEvidence, goodLog, goodTables, outcome, signal } from './evidence.ts'
import { rebuiltTables } from './i10-read-model.ts'
import { stormBounded } from './i13-storm.ts'
import { noSecret } from './i14-no-secret.ts'

const entry = (seq: number, more: Partial<JournalEntry>): JournalEntry => ({ seq, at: seq * 10, portal: 'main', kind: 'received', ...more })
const webhook = entry(1, { portal: 'acme', kind: 'webhook_sent', status: 200, event: 'ONCRMDEALADD', dealId: 1, ts: 1_800_000_000 })
const hash = createHash('sha256').update('acme\nONCRMDEALADD\n1\n1800000000').digest('hex')
const write = (request: string, from: number, to: number): JournalEntry[] => [
  entry(from, { request, commands: [{ method: 'crm.deal.update', command: 'w0', dealId: 500 }] }), entry(to, { request, kind: 'applied', command: 'w0', method: 'crm.deal.update', dealId: 500 }),
  entry(to + 1, { request, kind: 'answered', status: 200 })
]
const deal = (name: 'sourceDeals' | 'targetDeals', more: Record<string, unknown>): Partial<Evidence> => name === 'targetDeals'
  ? { targetDeals: goodEvidence().targetDeals.map(each => ({ ...each, ...more })) }
  : { sourceDeals: new Map([['acme', (goodEvidence().sourceDeals.get('acme') ?? []).map(each => ({ ...each, ...more }))]]) }
const save = (more: Partial<SourceSave>): SourceSave => ({ portal: 'acme', dealId: '1', at: 1, version: 1, isDeletion: false, isMapped: true, ...more })
const copy = (more: Partial<TargetSave>): TargetSave => ({ origin: 'acme:1', at: 2, version: 1, isClosed: false, ...more })
/** Webhooks of the front, all at once. */
const calls = (count: number, more: Partial<Call> = {}): Call[] => Array.from({ length: count }, () => ({ portal: 'acme', event: 'ONCRMDEALUPDATE', dealId: '1', ts: 5, at: 1000, ms: 10, status: 200, ...more }))
/** The good log with operators' orders behind it, at 10 ms, 11 ms and so on. */
const ordered = (...orders: string[]): LogDump => ({ ...goodLog(), signals: [signal({}), ...orders.map((order, i) => signal({ offset: BigInt(i + 1), order, channel: 'operator', receivedAt: 10 + i }))] })
const heldEnd = outcome({ type: 'TransferParked', reason: 'operator_hold', attemptNo: 2, offset: 1n, coveredOffset: 1n, coveredCount: 2, snapshot: '', occurredAt: 20 })
const contacts = (change: (contact: PortalDeal) => PortalDeal[]): Partial<Evidence> => ({ targetRecords: { ...goodEvidence().targetRecords, contact: goodEvidence().targetRecords.contact.flatMap(change) } })
const row = (more: Partial<ReturnType<typeof goodTables>['deals'][number]>): Partial<Evidence> => ({ tables: { ...goodTables(), deals: goodTables().deals.map(each => ({ ...each, ...more })) } })

/** Each anomaly, and the invariant whose oracle must name it. */
const planted: readonly { readonly name: string, readonly invariant: string, readonly anomaly: Partial<Evidence> }[] = [
  { name: 'a webhook that was answered 200 is not in the log', invariant: 'I1', anomaly: { journal: [webhook] } },
  { name: 'a webhook of the front that was answered 200 is not in the log', invariant: 'I1', anomaly: { calls: calls(1) } },
  { name: 'a change has not landed', invariant: 'I2', anomaly: { sourceSaves: [save({}), save({ version: 2, at: 5 })] } },
  { name: 'a change landed too late', invariant: 'I2', anomaly: { targetSaves: [copy({ at: 1002 })] } },
  { name: 'a change landed too late after a fault', invariant: 'I2', anomaly: { troubles: [{ target: 'redis', from: 1, to: 500 }], targetSaves: [copy({ at: 1501 })] } },
  { name: 'a fault that began when the time was up excuses nothing', invariant: 'I2', anomaly: { troubles: [{ target: 'redis', from: 1002, to: 1400 }], targetSaves: [copy({ at: 1500 })] } },
  { name: 'a deletion closed the copy too late', invariant: 'I2', anomaly: { sourceDeals: new Map(), sourceSaves: [save({}), save({ at: 3, isDeletion: true })], targetSaves: [copy({}), copy({ at: 2004, isClosed: true })] } },
  { name: 'a change was not transferred after its release', invariant: 'I2', anomaly: { sourceSaves: [save({}), save({ version: 2, at: 5 })], log: ordered('hold', 'release') } },
  { name: 'a deal was added twice', invariant: 'I3', anomaly: { journal: [1, 2].map(seq => entry(seq, { kind: 'applied', method: 'crm.item.add', originId: 'acme:1', request: `r${seq}` })) } },
  { name: 'a contact was added twice', invariant: 'I3', anomaly: { journal: [1, 2].map(seq => entry(seq, { kind: 'applied', method: 'crm.item.add', type: 3, originId: 'acme:c1', request: `r${seq}` })) } },
  { name: 'a field of the copy is not the last one', invariant: 'I4', anomaly: deal('targetDeals', { TITLE: 'Old pumps' }) },
  { name: 'a sum of the copy is not the last one', invariant: 'I4', anomaly: deal('targetDeals', { OPPORTUNITY: '4.00' }) },
  { name: 'a deal has no copy', invariant: 'I4', anomaly: { targetDeals: [] } },
  { name: 'a deal has two copies', invariant: 'I4', anomaly: { targetDeals: [...goodEvidence().targetDeals, ...goodEvidence().targetDeals] } },
  { name: 'a contact stands twice in the target', invariant: 'I3', anomaly: contacts(contact => [contact, contact]) },
  { name: 'the copy names another contact', invariant: 'I4', anomaly: deal('targetDeals', { CONTACT_IDS: [71], CONTACT_ID: 71 }) },
  { name: 'the copy has another primary contact', invariant: 'I4', anomaly: { ...deal('targetDeals', { CONTACT_IDS: [70, 71], CONTACT_ID: 71 }), ...deal('sourceDeals', { CONTACT_IDS: [7, 9] }), sourceRecords: new Map([['acme', { contact: [7, 9].map(ID => ({ ...goodEvidence().sourceRecords.get('acme')?.contact[0], ID })), company: goodEvidence().sourceRecords.get('acme')?.company ?? [] }]]), ...contacts(contact => [contact, { ...contact, ID: 71, ORIGIN_ID: 'acme:9' }]) } },
  { name: 'the copy names a contact more', invariant: 'I4', anomaly: deal('targetDeals', { CONTACT_IDS: [70, 71] }) },
  { name: 'the copy names no company', invariant: 'I4', anomaly: deal('targetDeals', { COMPANY_ID: 0 }) },
  { name: 'a contact has no copy', invariant: 'I4', anomaly: contacts(() => []) },
  { name: 'a name of a contact is not the last one', invariant: 'I4', anomaly: contacts(contact => [{ ...contact, LAST_NAME: 'Smith v0' }]) },
  { name: 'a telephone of a contact is not the last one', invariant: 'I4', anomaly: contacts(contact => [{ ...contact, FM: [{ typeId: 'PHONE', value: '+7 901' }] }]) },
  { name: 'a telephone of a contact stands twice', invariant: 'I4', anomaly: contacts(contact => [{ ...contact, FM: [1, 2].map(id => ({ id, typeId: 'PHONE', value: '+7 900' })) }]) },
  { name: 'a contact went back', invariant: 'I5', anomaly: { recordSaves: [2, 1].map(version => ({ kind: 'contact', origin: 'acme:7', at: 5, version })) } },
  { name: 'a deal in an unknown stage is not parked', invariant: 'I4', anomaly: deal('sourceDeals', { STAGE_ID: 'C1:APOLOGY' }) },
  { name: 'the copy of a deleted deal is open', invariant: 'I4', anomaly: { sourceDeals: new Map(), sourceSaves: [{ portal: 'acme', dealId: '1', at: 3, version: 1, isDeletion: true, isMapped: true }] } },
  { name: 'an older version came after a newer one', invariant: 'I5', anomaly: { targetSaves: [2, 1].map(version => ({ origin: 'acme:1', at: 5, version, isClosed: false })) } },
  { name: 'a closed copy of a deleted deal was opened again', invariant: 'I5', anomaly: { sourceSaves: [{ portal: 'acme', dealId: '1', at: 3, version: 1, isDeletion: true, isMapped: true }], targetSaves: [true, false].map(isClosed => ({ origin: 'acme:1', at: 5, version: 1, isClosed })) } },
  { name: 'an older state ended after a newer one was parked', invariant: 'I5', anomaly: { log: { ...goodLog(), outcomes: [outcome({ type: 'TransferParked', sourceModifiedAt: 2000 }), outcome({ attemptNo: 2, offset: 1n, sourceModifiedAt: 1000 })] } } },
  { name: 'a deal has records in two partitions', invariant: 'I6', anomaly: { log: { ...goodLog(), signals: [signal({}), signal({ partition: 4 })] } } },
  { name: 'a later attempt covers less', invariant: 'I6', anomaly: { log: { ...goodLog(), outcomes: [outcome({ coveredOffset: 5n }), outcome({ attemptNo: 2, offset: 1n, coveredOffset: 3n })] } } },
  { name: 'two calls for a deal were under way at once', invariant: 'I6', anomaly: { journal: [...write('r1', 1, 8), ...write('r2', 3, 5)].toSorted((a, b) => a.seq - b.seq) } },
  { name: 'a signal of the log was never taken', invariant: 'I7', anomaly: { log: { ...goodLog(), signals: [signal({}), signal({ offset: 1n })] } } },
  { name: 'a signal has no end', invariant: 'I7', anomaly: row({ open: 1n, applied: 0n }) },
  { name: 'a reader stands beyond the log', invariant: 'I7', anomaly: { tables: { ...goodTables(), checkpoints: goodTables().checkpoints.map(each => ({ ...each, next_offset: 2n })) } } },
  { name: 'by the metrics an end is missing', invariant: 'I7', anomaly: { metrics: 'dealbridge_signals{portal="acme",what="signals"} 1' } },
  { name: 'the metrics say another end than SQL', invariant: 'I7', anomaly: { metrics: goodEvidence().metrics?.replace('applied', 'parked') ?? null } },
  { name: 'the metrics count a signal more than the log', invariant: 'I7', anomaly: { metrics: goodEvidence().metrics?.replaceAll('} 1', '} 2') ?? null } },
  { name: 'a parked deal is shown to nobody', invariant: 'I8', anomaly: { log: { ...goodLog(), outcomes: [outcome({ type: 'TransferParked', reason: 'x' })] } } },
  { name: 'a record of ours is in quarantine', invariant: 'I8', anomaly: { log: { ...goodLog(), quarantined: 1 } } },
  { name: 'a parked deal was tried again without a word', invariant: 'I9', anomaly: { log: { ...goodLog(), outcomes: [outcome({ type: 'TransferParked' }), outcome({ attemptNo: 2, offset: 1n })] } } },
  { name: 'a release was answered with the state of before the last save', invariant: 'I9', anomaly: { sourceSaves: [save({ at: 5100 })], log: { ...ordered('release'), signals: [signal({}), signal({ offset: 1n, order: 'release', receivedAt: 6000 })], outcomes: [outcome({ type: 'TransferParked' }), outcome({ attemptNo: 2, offset: 1n, coveredOffset: 1n, coveredCount: 2, sourceModifiedAt: 4000 })] } } },
  { name: 'a held deal was transferred', invariant: 'I9', anomaly: { log: { ...ordered('hold'), outcomes: [outcome({}), outcome({ attemptNo: 2, offset: 1n, coveredOffset: 1n, coveredCount: 2 })] } } },
  { name: 'a held deal was written', invariant: 'I9', anomaly: { journal: write('r1', 8, 9), log: { ...ordered('hold'), outcomes: [outcome({}), heldEnd] } } },
  { name: 'a row of the read model is not what the log says', invariant: 'I10', anomaly: row({ title: 'Other' }) },
  { name: 'the portal refused for want of budget', invariant: 'I12', anomaly: { journal: [entry(1, { kind: 'answered', status: 503, error: 'QUERY_LIMIT_EXCEEDED' })] } },
  { name: 'a webhook with a wrong token was answered 200', invariant: 'I16', anomaly: { strangers: [{ what: 'a wrong token', dealId: '99', at: 1, status: 200 }] } },
  { name: 'a webhook with a wrong token is in the log', invariant: 'I16', anomaly: { log: { ...goodLog(), signals: [signal({}), signal({ dealId: '99' })] } } },
  { name: 'a former owner calls long after the new one', invariant: 'I19', anomaly: { journal: [entry(1, { epoch: '2' }), entry(500, { epoch: '1' })] } },
  { name: 'two of 300 webhooks were refused while an ingest lived', invariant: 'I23', anomaly: { calls: [...calls(298), ...calls(2, { status: 503 })], troubles: [{ target: 'ingest-1', from: 0, to: 10_000 }] } },
  { name: 'two webhooks were refused during a single fault', invariant: 'I21', anomaly: { calls: [...calls(1000, { at: 900_000 }), ...calls(2, { status: 0 })], troubles: [{ target: 'redis', from: 0, to: 10_000 }] } },
  { name: 'one of 50 webhooks took a second', invariant: 'I23', anomaly: { calls: [...calls(196), ...calls(4, { ms: 1000 })] } },
  { name: 'a process holds a gigabyte', invariant: 'I22', anomaly: { samples: [{ process: 'query', at: 1, rssMb: 1024, descriptors: 10 }] } },
  { name: 'a process holds thousands of descriptors', invariant: 'I22', anomaly: { samples: [{ process: 'query', at: 1, rssMb: 10, descriptors: 5000 }] } },
  { name: 'something lies in the spool after the drain', invariant: 'I22', anomaly: { spoolBytes: 1 } }
]
const named = (findings: readonly Finding[]): string[] => [...new Set(findings.map(each => each.invariant))]

test('where all is well no oracle finds anything', () => {
  const journal = [webhook, ...write('r1', 2, 4), ...write('r2', 6, 8), entry(20, { epoch: '1' }), entry(21, { epoch: '2' }), entry(22, { epoch: '1' })]
  const log = { ...goodLog(), signals: [signal({ payloadHash: hash })] }
  assert.deepEqual(askAll({ ...goodEvidence(), journal, log }), [])
})

test('what a hold, a fault, a deletion or an unknown stage keeps from landing is not held against the bound, nor a write before a hold or after a release', () => {
  const found = (anomaly: Partial<Evidence>): Finding[] => askAll({ ...goodEvidence(), ...anomaly }).filter(each => ['I2', 'I9'].includes(each.invariant))
  const second = save({ version: 2, at: 5 })
  assert.deepEqual(found({ sourceSaves: [save({}), second], log: ordered('hold') }), [])
  assert.deepEqual(found({ sourceSaves: [save({}), second, save({ at: 900, isDeletion: true })], targetSaves: [copy({}), copy({ at: 1000, isClosed: true })] }), [])
  assert.deepEqual(found({ sourceSaves: [save({}), second, save({ version: 3, at: 900, isMapped: false })] }), [])
  assert.deepEqual(found({ troubles: [{ target: 'redis', from: 900, to: 1500 }, { target: 'redis', from: 0, to: 300 }], targetSaves: [copy({ at: 2400 })] }), [])
  assert.deepEqual(found({ log: { ...goodLog(), outcomes: [outcome({ type: 'TransferParked' }), outcome({ attemptNo: 2, offset: 1n, epoch: 2 })] } }), [])
  assert.deepEqual(found({ journal: [...write('r1', 1, 2), ...write('r2', 8, 9)], log: { ...ordered('hold', 'release'), outcomes: [outcome({}), { ...heldEnd, occurredAt: 10 }, outcome({ attemptNo: 3, offset: 2n, coveredOffset: 2n, coveredCount: 3, sourceModifiedAt: null })] } }), [])
})

for (const { name, invariant, anomaly } of planted) {
  test(`planted: ${name}`, () => {
    const found = askAll({ ...goodEvidence(), ...anomaly })
    assert.ok(named(found).includes(invariant), `found only ${JSON.stringify(found)}`)
  })
}

test('a write is not held against a hold whose end was told by a clock that was set back', () => {
  const log = { ...ordered('hold'), outcomes: [outcome({}), { ...heldEnd, occurredAt: 9 }] }
  assert.deepEqual(askAll({ ...goodEvidence(), journal: write('r1', 8, 9), log }).filter(each => each.invariant === 'I9'), [])
})

test('a refused webhook while no ingest lived, while the disk was full, or one of few, is not held against ingest, nor is a slow one on a slow machine', () => {
  const found = (anomaly: Partial<Evidence>): string[] => named(askAll({ ...goodEvidence(), ...anomaly })).filter(each => ['I21', 'I23'].includes(each))
  const refused = calls(5, { status: 503 })
  assert.deepEqual(found({ calls: refused, troubles: [{ target: 'ingest-1', from: 0, to: 500 }, { target: 'portals>ingest-2', from: 1005, to: 2000 }] }), [])
  assert.deepEqual(found({ calls: refused, troubles: [{ target: 'spool', from: 1005, to: 2000 }] }), [])
  assert.deepEqual(found({ calls: [...calls(20), ...calls(1, { status: 0 })] }), [])
  assert.deepEqual(found({ calls: calls(300, { ms: 1000 }), loopLagMs: 80 }), [])
  assert.deepEqual(found({ calls: calls(300, { ms: 1000 }), troubles: [{ target: 'all>kafka', from: 0, to: 10 }] }), [])
})

test('a refusal that the rig ordered is not held against the budget', () => {
  const journal = [entry(1, { kind: 'answered', status: 503, error: 'QUERY_LIMIT_EXCEEDED' })]
  assert.deepEqual(askAll({ ...goodEvidence(), journal, refusing: [{ from: 0, to: 100 }] }), [])
})

test('planted: a storm with too many calls, with two probes in one rest, or without an end', () => {
  const storm = { kind: 'outage' as const, from: 1000, to: 46_000, operations: 40 }
  const calls = (...times: number[]): JournalEntry[] => times.map((at, i) => entry(i + 1, { at }))
  const good = entry(99, { at: 50_000, kind: 'answered', status: 200 })
  const found = (journal: JournalEntry[], more: Partial<typeof storm> = {}): string[] => stormBounded(journal, 'main', { ...storm, ...more }).map(each => each.what)
  assert.deepEqual(found([...calls(1000, 1500, 5900, 31_500), good]), [])
  assert.deepEqual(found([...calls(...Array.from({ length: 49 }, (_, i) => 1000 + i)), good]), ['made 49 calls for 40 operations'])
  assert.deepEqual(found([...calls(1000, 31_000, 34_000), good]), ['called 3000 ms after a probe, 33000 ms after the storm began'])
  assert.deepEqual(found(calls(1000)), ['had no good answer any more'])
  assert.deepEqual(found([...calls(1000), { ...good, at: 56_001 }]), ['had its first good answer 10001 ms after the storm'])
})

test('planted: tables that differ from those rebuilt', () => {
  const [live, rebuilt] = [{ deal: { rows: 2, hash: 'a' }, transfer: { rows: 1, hash: 'b' } }, { deal: { rows: 2, hash: 'c' }, transfer: { rows: 1, hash: 'b' } }]
  assert.deepEqual(rebuiltTables(live, rebuilt).map(each => each.about), ['deal'])
  assert.deepEqual(rebuiltTables(live, live), [])
})

test('planted: a secret in a file, in any of its shapes, also across two pieces of a large file', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-secret-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const secret = '0123456789abcdef0123456789abcdef'
  const shapes = [secret, `x${Buffer.from(`user:${secret}:`).toString('base64')}`, [...secret].map(letter => `%${letter.charCodeAt(0).toString(16)}`).join('').toUpperCase(), [...secret].reverse().join(''), `${secret.slice(0, 16)}\n${secret.slice(16)}`]
  for (const [i, text] of [...shapes, `${'-'.repeat(8 * 1024 * 1024 - 10)}${secret}`].entries()) {
    writeFileSync(path.join(dir, 'file.log'), text)
    assert.ok(noSecret([dir], { token: secret }).length > 0, `shape ${i}`)
  }
  writeFileSync(path.join(dir, 'file.log'), `${secret.slice(1)} and nothing else`)
  assert.deepEqual(noSecret([dir], { token: secret }), [])
})
