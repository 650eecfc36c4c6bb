import assert from 'node:assert/strict'
import { test } from 'node:test'
import { only, testPortal } from './test-portal.ts'

const users = [{ ID: 1, NAME: 'Integration', EMAIL: 'bot@p.example' }, { ID: 5, NAME: 'Anna', LAST_NAME: 'Petrova', EMAIL: 'Anna@p.example' }, { ID: 6, NAME: 'Ivan', EMAIL: 'ivan@p.example', ACTIVE: false }]

test('user.get finds exact values, user.search parts of names; ids are texts and ACTIVE a boolean', async (t) => {
  const { ask } = await testPortal(t, { users })
  const ids = async (method: string, params: object): Promise<string[]> => ((await ask(method, params)).result as { ID: string }[]).map(user => user.ID)
  assert.deepEqual(await ids('user.get', { FILTER: { EMAIL: 'anna@p.example' } }), ['5'])
  assert.deepEqual(await ids('user.get', { filter: { EMAIL: 'anna' } }), [])
  assert.deepEqual(await ids('user.get', { ID: [1, 6] }), ['1', '6'])
  assert.deepEqual(await ids('user.get', { ACTIVE: false }), ['6'])
  assert.deepEqual(await ids('user.search', { FILTER: { LAST_NAME: 'petr' } }), ['5'])
  assert.deepEqual(await ids('user.search', { FIND: 'ann petr' }), ['5'])
  assert.deepEqual(only((await ask('user.current')).result, 'ID', 'ACTIVE'), { ID: '1', ACTIVE: true })
})

test('custom fields of deals are listed with their options, with labels only when LANG is asked for', async (t) => {
  const { ask } = await testPortal(t, { custom_fields: [{ name: 'UF_CRM_A', type: 'money', multiple: true, mandatory: true, title: 'Sum' }, { name: 'UF_CRM_E', type: 'enumeration', list: [{ ID: 4, VALUE: 'X', XML_ID: 'x' }] }, { name: 'UF_CRM_C', type: 'string', entity: 'contact' }] })
  const list = async (filter: object): Promise<Record<string, unknown>[]> => (await ask('crm.deal.userfield.list', { filter })).result as Record<string, unknown>[]
  assert.deepEqual((await list({})).map(field => only(field, 'FIELD_NAME', 'USER_TYPE_ID', 'MULTIPLE', 'MANDATORY', 'EDIT_FORM_LABEL')), [
    { FIELD_NAME: 'UF_CRM_A', USER_TYPE_ID: 'money', MULTIPLE: 'Y', MANDATORY: 'Y', EDIT_FORM_LABEL: undefined }, { FIELD_NAME: 'UF_CRM_E', USER_TYPE_ID: 'enumeration', MULTIPLE: 'N', MANDATORY: 'N', EDIT_FORM_LABEL: undefined }
  ])
  const [labelled, ...rest] = await list({ LANG: 'en', FIELD_NAME: 'UF_CRM_A' })
  assert.deepEqual([labelled?.['EDIT_FORM_LABEL'], rest.length], ['Sum', 0])
  assert.deepEqual((await list({ FIELD_NAME: 'UF_CRM_E' }))[0]?.['LIST'], [{ ID: '4', SORT: '10', VALUE: 'X', DEF: 'N', XML_ID: 'x' }])
})

test('stages, deal types and sources are statuses of the portal, all in texts', async (t) => {
  const { ask } = await testPortal(t, { funnels: [{ id: 0 }, { id: 3, stages: ['NEW', 'UC_A1B2C3', 'WON', 'APOLOGY'] }], types: ['SALE'], sources: ['WEB'] })
  const list = async (ENTITY_ID: string): Promise<Record<string, unknown>[]> => (await ask('crm.status.list', { filter: { ENTITY_ID } })).result as Record<string, unknown>[]
  const stages = await list('DEAL_STAGE_3')
  assert.deepEqual(stages.map(stage => [stage['STATUS_ID'], stage['SEMANTICS'], (stage['EXTRA'] as { SEMANTICS: string }).SEMANTICS, stage['SYSTEM']]), [['C3:NEW', '', 'process', 'Y'], ['C3:UC_A1B2C3', '', 'process', 'N'], ['C3:WON', 'S', 'success', 'Y'], ['C3:APOLOGY', 'F', 'apology', 'Y']])
  assert.deepEqual([(await list('DEAL_TYPE')).map(type => type['STATUS_ID']), (await list('SOURCE')).map(source => source['STATUS_ID'])], [['SALE'], ['WEB']])
})

test('currencies are listed with a total of 0, the first being the base', async (t) => {
  const { ask } = await testPortal(t, { currencies: ['RUB', 'USD'] })
  const { result, body } = await ask('crm.currency.list')
  assert.deepEqual([(result as Record<string, string>[]).map(each => `${each['CURRENCY']} ${each['BASE']}`), body['total']], [['RUB Y', 'USD N'], 0])
})
