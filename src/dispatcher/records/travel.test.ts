import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordWrite } from '../../bitrix24/write.ts'
import type { Match } from '../../domain/mapping/carried.ts'
import type { RecordJob } from './record.ts'
import { recordCommands, takeRecords } from './travel.ts'

const PHONE: Match = { by: 'phone', values: ['+7 900 111-22-33'], keys: ['phone 79001112233'] }

function job (sourceId: number, more: { matches?: readonly Match[], NAME?: string } = {}): RecordJob {
  const record = { portal: 'acme', kind: 'contact' as const, sourceId: String(sourceId) }
  const write: RecordWrite | null = more.NAME === undefined ? null : { kind: 'create', entity: 'contact', fields: { NAME: more.NAME }, multi: {}, originId: `acme:${sourceId}` }
  return {
    claim: { ...record, target: 'main', attemptId: `a${sourceId}`, link: null, adopted: false, writtenHash: null, known: null }, deal: { portal: 'acme', dealId: '1' }, write,
    need: { ...record, fields: {}, hash: 'h', matches: more.matches ?? [], version: { modifiedAt: 1, hash: 'h' }, beganAt: 1 }
  }
}

test('no request asks for more ORIGIN pairs than a page shows, nor has it more commands than a batch takes', () => {
  for (const matches of [[], [PHONE], [PHONE, PHONE, PHONE]]) {
    const queue = Array.from({ length: 300 }, (_, i) => job(i + 1, { matches }))
    let seen = 0
    while (queue.length > 0) {
      const taken = takeRecords(queue, 50)
      const commands = recordCommands(taken)
      assert.ok(taken.length > 0 && taken.length <= 50 && commands.size <= 50, `${taken.length} records, ${commands.size} commands`)
      assert.deepEqual((commands.get('origin_contact')?.params['filter'] as { '@originId': string[] })['@originId'].length, taken.length)
      seen += taken.length
    }
    assert.equal(seen, 300)
  }
})

test('a record whose text looks like a batch reference travels alone', () => {
  const queue = [job(1, { NAME: 'Ann' }), job(2, { NAME: '$result[w1][item][id]' }), job(3, { NAME: 'Bob' })]
  assert.deepEqual([takeRecords(queue, 50), takeRecords(queue, 50), takeRecords(queue, 50)].map(taken => taken.map(each => each.claim.sourceId)), [['1'], ['2'], ['3']])
})

test('a value that looks like a batch reference is not asked for', () => {
  assert.deepEqual([...recordCommands([job(1, { matches: [{ by: 'title', values: ['$result[x]'], keys: [] }, PHONE] })]).keys()], ['origin_contact', 'match0_1'])
})
