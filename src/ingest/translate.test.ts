import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseForm } from './form.ts'
import { parseJson } from './json.ts'
import { NOBODY, readSender, translateEvent, translateRobot } from './translate.ts'
import type { Translated } from './translate.ts'

const form = (text: string) => parseForm(text) ?? assert.fail(`no form: ${text}`)
const json = (value: unknown) => parseJson(JSON.stringify(value)) ?? assert.fail('no JSON')
const event = (name: unknown, more: object = {}): Translated => translateEvent(json({ event: name, data: { FIELDS: { ID: '7' } }, ...more }), NOBODY)
const robot = (text: string, query = ''): Translated => translateRobot(form(text), form(query), NOBODY)
const brief = (said: Translated): string => said.status === 'hint' ? `${said.hint.kind} ${said.hint.dealId}` : said.status === 'skipped' ? `skipped ${said.dealId ?? '-'}` : 'malformed'

test('the four events of deals are taken in any case and said upper-case', () => {
  const kinds = { ONCRMDEALADD: 'added', ONCRMDEALUPDATE: 'updated', ONCRMDEALDELETE: 'deleted', ONCRMDEALMOVETOCATEGORY: 'moved' }
  for (const [name, kind] of Object.entries(kinds)) {
    for (const said of [name, name.toLowerCase(), `onCrm${name.slice(5).toLowerCase()}`]) {
      const translated = event(said)
      assert.equal(brief(translated), `${kind} 7`, said)
      assert.equal(translated.status === 'hint' && translated.hint.event, name)
    }
  }
})

test('every other event of a portal is skipped, whatever its data look like', () => {
  const foreign = ['ONCRMDEALRECURRINGADD', 'ONCRMDEALRECURRINGUPDATE', 'ONCRMDEALRECURRINGDELETE', 'ONCRMDEALRECURRINGEXPOSE', 'ONCRMDEALUSERFIELDADD', 'ONCRMDEALUSERFIELDSETENUMVALUES',
    'ONCRMCONTACTADD', 'ONCRMCOMPANYUPDATE', 'ONCRMLEADADD', 'ONAPPINSTALL', 'ONAPPUPDATE', 'ONAPPUNINSTALL', 'ONAPPTEST', 'OnTaskAdd', 'ONCRMDEALUPDATES', ' ONCRMDEALUPDATE', 'toString', '__proto__']
  for (const name of foreign) assert.equal(brief(event(name)), 'skipped 7', name)
  for (const data of [undefined, null, 7, 'x', [], { FIELDS: 'x' }, { FIELDS: { ID: 'x' } }, { FIELDS: { ID: ['7'] } }]) assert.equal(brief(event('ONCRMLEADADD', { data })), 'skipped -', JSON.stringify(data))
})

test('an event that is missing, empty, overlong or not a text is malformed', () => {
  for (const name of [undefined, null, '', {}, [], ['ONCRMDEALADD'], true, 1.5, 'x'.repeat(101)]) assert.equal(brief(event(name)), 'malformed', JSON.stringify(name))
})

test('a deal event without data, or with an id that no portal writes, is malformed', () => {
  const datas = [undefined, null, 7, 'x', [], {}, { FIELDS: [] }, { FIELDS: {} }, ...['', '0', '07', '-7', '+7', '1e3', '0x10', '７', '7 ', ' 7', '7\n', '7\0', '9'.repeat(20), '9'.repeat(10_000), ['7'], { a: '7' }, true, 7.5, 2 ** 53].map(ID => ({ FIELDS: { ID } }))]
  for (const data of datas) assert.equal(brief(event('ONCRMDEALUPDATE', { data })), 'malformed', JSON.stringify(data)?.slice(0, 80))
  assert.equal(datas.length, 27)
})

test('an id is a text up to 19 digits or a number while it is exact, and stands in data.FIELDS.ID or in deal.id', () => {
  for (const ID of ['7', 7, '9'.repeat(19), Number.MAX_SAFE_INTEGER]) assert.equal(brief(event('ONCRMDEALUPDATE', { data: { FIELDS: { ID } } })), `updated ${ID}`)
  assert.equal(brief(event('ONCRMDEALUPDATE', { data: undefined, deal: { id: 8 } })), 'updated 8')
  assert.equal(brief(event('ONCRMDEALUPDATE', { data: undefined, deal: { ID: '9' } })), 'updated 9')
})

test('ts, category and stage are single values or malformed', () => {
  for (const value of [['1', '2'], {}, true, 'x'.repeat(101)]) {
    assert.equal(brief(event('ONCRMDEALUPDATE', { ts: value })), 'malformed')
    for (const key of ['CATEGORY_ID', 'STAGE_ID']) assert.equal(brief(event('ONCRMDEALUPDATE', { data: { FIELDS: { ID: '7', [key]: value } } })), 'malformed')
  }
})

test('the payload holds what is allowed and no token, whatever else the body says', () => {
  const body = form('event=oncrmdealmovetocategory&event_handler_id=975&data[FIELDS][ID]=6675&data[FIELDS][CATEGORY_ID]=1&data[FIELDS][STAGE_ID]=C1:NEW&data[FIELDS][SECRET]=canary&ts=1766047124&canary=canary'
    + '&auth[domain]=a.bitrix24.ru&auth[member_id]=m1&auth[application_token]=canary&auth[access_token]=canary&auth[refresh_token]=canary&auth[client_endpoint]=https://canary/')
  const sender = readSender(body) ?? assert.fail('no sender')
  const said = translateEvent(body, sender)
  assert.deepEqual(sender, { domain: 'a.bitrix24.ru', memberId: 'm1', token: 'canary' })
  assert.deepEqual(said.status === 'hint' && JSON.parse(said.hint.payload), { event: 'ONCRMDEALMOVETOCATEGORY', data: { FIELDS: { ID: '6675', CATEGORY_ID: '1', STAGE_ID: 'C1:NEW' } }, ts: '1766047124', domain: 'a.bitrix24.ru', member_id: 'm1' })
})

test('the sender stands in auth, else at the top; of a wrong kind there is none', () => {
  assert.deepEqual(readSender(json({ domain: 'a', member_id: 'm', application_token: 'x' })), { domain: 'a', memberId: 'm', token: null })
  assert.deepEqual(readSender(json({ domain: 'a', auth: { domain: 'b', member_id: '' } })), { domain: 'b', memberId: null, token: null })
  assert.deepEqual(readSender(json({})), NOBODY)
  for (const body of [{ auth: 7 }, { auth: [] }, { auth: 'x' }, { auth: { domain: ['a'] } }, { auth: { domain: 'a'.repeat(254) } }, { auth: { member_id: 'm'.repeat(65) } }, { auth: { application_token: { a: 1 } } }, { auth: { application_token: 't'.repeat(2001) } }]) assert.equal(readSender(json(body)), null, JSON.stringify(body).slice(0, 60))
  assert.equal(readSender(form('auth[domain]=a&auth[domain]=b')), null)
})

test('a robot names its deal in document_id with indexes, without them, alone, in JSON or in the query', () => {
  for (const text of ['document_id[0]=crm&document_id[1]=CCrmDocumentDeal&document_id[2]=DEAL_123', 'document_id[]=crm&document_id[]=CCrmDocumentDeal&document_id[]=DEAL_123', 'document_id[2]=DEAL_123&document_id[0]=crm', 'document_id=crm&document_id=DEAL_123', 'document_id=DEAL_123', 'document_id[a]=crm&document_id[b]=DEAL_123']) {
    assert.equal(brief(robot(text)), 'unknown 123', text)
    assert.equal(brief(robot('', text)), 'unknown 123', text)
  }
  for (const document_id of [['crm', 'CCrmDocumentDeal', 'DEAL_123'], { 0: 'crm', 2: 'DEAL_123' }, 'DEAL_123']) assert.equal(brief(translateRobot(json({ document_id }), {}, NOBODY)), 'unknown 123')
})

test('a macro deal_id of the address is taken when no document is named, with or without DEAL_', () => {
  for (const query of ['deal_id=123', 'deal_id=DEAL_123']) {
    assert.equal(brief(robot('', query)), 'unknown 123')
    assert.equal(brief(robot('document_id[2]=DEAL_5', query)), 'unknown 5')
  }
  assert.equal(brief(robot('deal_id=9')), 'unknown 9')
})

test('a robot of another kind of document is skipped, one that names nothing or no id is malformed', () => {
  for (const name of ['LEAD_1', 'CONTACT_1', 'COMPANY_1', 'DYNAMIC_128_1', 'deal_1']) assert.equal(brief(robot(`document_id[0]=crm&document_id[2]=${name}`, 'deal_id=1')), 'skipped -', name)
  for (const text of ['', 'auth[domain]=a', 'document_id=DEAL_', 'document_id=DEAL_0', 'document_id=DEAL_1a', 'document_id[a][b]=DEAL_1', 'deal_id=', 'deal_id={{ID}}', 'deal_id=1&deal_id=2', `document_id=DEAL_1&document_id=${'x'.repeat(254)}`]) assert.equal(brief(robot(text)), 'malformed', text.slice(0, 60))
  for (const document_id of [7, true, [7], [null, 'DEAL_1'], [['DEAL_1']]]) assert.equal(brief(translateRobot(json({ document_id }), {}, NOBODY)), 'malformed', JSON.stringify(document_id))
})
