import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { JournalEntry } from '../../simulator/journal.ts'
import type { Evidence, Finding } from '../rig/evidence.ts'
import { askAll } from './all.ts'
import { goodEvidence, goodLog, goodTables, outcome, signal } from './evidence.ts'
import { rebuiltTables } from './i10-read-model.ts'
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
const row = (more: Partial<ReturnType<typeof goodTables>['deals'][number]>): Partial<Evidence> => ({ tables: { ...goodTables(), deals: goodTables().deals.map(each => ({ ...each, ...more })) } })

/** Each anomaly, and the invariant whose oracle must name it. */
const planted: readonly { readonly name: string, readonly invariant: string, readonly anomaly: Partial<Evidence> }[] = [
  { name: 'a webhook that was answered 200 is not in the log', invariant: 'I1', anomaly: { journal: [webhook] } },
  { name: 'a deal was added twice', invariant: 'I3', anomaly: { journal: [1, 2].map(seq => entry(seq, { kind: 'applied', method: 'crm.item.add', originId: 'acme:1', request: `r${seq}` })) } },
  { name: 'a contact was added twice', invariant: 'I3', anomaly: { journal: [1, 2].map(seq => entry(seq, { kind: 'applied', method: 'crm.item.add', type: 3, originId: 'acme:c1', request: `r${seq}` })) } },
  { name: 'a field of the copy is not the last one', invariant: 'I4', anomaly: deal('targetDeals', { TITLE: 'Old pumps' }) },
  { name: 'a sum of the copy is not the last one', invariant: 'I4', anomaly: deal('targetDeals', { OPPORTUNITY: '4.00' }) },
  { name: 'a deal has no copy', invariant: 'I4', anomaly: { targetDeals: [] } },
  { name: 'a deal has two copies', invariant: 'I4', anomaly: { targetDeals: [...goodEvidence().targetDeals, ...goodEvidence().targetDeals] } },
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
  { name: 'a parked deal is shown to nobody', invariant: 'I8', anomaly: { log: { ...goodLog(), outcomes: [outcome({ type: 'TransferParked', reason: 'x' })] } } },
  { name: 'a record of ours is in quarantine', invariant: 'I8', anomaly: { log: { ...goodLog(), quarantined: 1 } } },
  { name: 'a row of the read model is not what the log says', invariant: 'I10', anomaly: row({ title: 'Other' }) },
  { name: 'the portal refused for want of budget', invariant: 'I12', anomaly: { journal: [entry(1, { kind: 'answered', status: 503, error: 'QUERY_LIMIT_EXCEEDED' })] } },
  { name: 'a former owner calls long after the new one', invariant: 'I19', anomaly: { journal: [entry(1, { epoch: '2' }), entry(500, { epoch: '1' })] } },
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

for (const { name, invariant, anomaly } of planted) {
  test(`planted: ${name}`, () => {
    const found = askAll({ ...goodEvidence(), ...anomaly })
    assert.ok(named(found).includes(invariant), `found only ${JSON.stringify(found)}`)
  })
}

test('a refusal that the rig ordered is not held against the budget', () => {
  const journal = [entry(1, { kind: 'answered', status: 503, error: 'QUERY_LIMIT_EXCEEDED' })]
  assert.deepEqual(askAll({ ...goodEvidence(), journal, refusing: [{ from: 0, to: 100 }] }), [])
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
