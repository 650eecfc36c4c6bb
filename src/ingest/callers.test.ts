import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PortalConfig } from '../platform/config.ts'
import { countCompares } from '../../test/support/compares.ts'
import { createCallers } from './callers.ts'
import type { Callers, Verdict } from './callers.ts'
import type { Pins } from './pins.ts'
import type { Sender } from './translate.ts'

const KEYS = ['a', 'b'].map(letter => letter.repeat(32))
const portal = (name: string, more: Partial<PortalConfig> = {}): PortalConfig => ({ name, role: 'source', domain: `${name}.bitrix24.ru`, signal_secret: `secret-${name}`, application_tokens: [], limits: { per_second: 2, burst: 50, operating_seconds: 480 }, ...more })

/** `pinned` is the member_id of every portal; `asked` are the questions put to the pins. */
function setUp (): { callers: Callers, asked: string[] } {
  const asked: string[] = []
  const pins: Pins = {
    isFine: (name, memberId) => { asked.push('isFine'); return memberId === null || name === '' || memberId === `member-${name}` },
    learn: (name, memberId) => { asked.push(`learn ${name} ${memberId}`); return Promise.resolve(true) }
  }
  const config = {
    ingest: { host: '127.0.0.1', port: 0, spool_mb: 1, api_keys: KEYS.map((key, i) => ({ name: `k${i}`, key })) }, allowed_domains: ['*.bitrix24.ru'],
    portals: [portal('acme', { application_tokens: ['old', 'new'] }), portal('beta'), { ...portal('own', { domain: 'crm.example.org' }) }, portal('both', { domain: 'beta.bitrix24.ru', role: 'target' })]
  }
  return { callers: createCallers(config, pins), asked }
}
const sender = (more: Partial<Sender> = {}): Sender => ({ domain: 'acme.bitrix24.ru', memberId: 'member-acme', token: 'new', ...more })
const said = (verdict: Verdict): string => verdict.isGood ? verdict.portal.name : `no ${verdict.doubt}`

test('every configured key is one, and each of several tokens of a portal is good, so that both can be rotated', async () => {
  const { callers } = setUp()
  assert.deepEqual(KEYS.map(key => callers.hasKey(key)), [true, true])
  assert.deepEqual(['', 'a'.repeat(31), 'a'.repeat(33)].map(key => callers.hasKey(key)), [false, false, false])
  for (const token of ['old', 'new']) {
    for (const key of KEYS) assert.equal(said(await callers.judgeKey(key, sender({ token }))), 'acme')
    assert.equal(said(await callers.judgeSecret('secret-acme', sender({ token }), 'event')), 'acme')
  }
})

test('the first thing that is wrong is named, for the log alone', async () => {
  const { callers } = setUp()
  const key = KEYS[0] ?? ''
  assert.deepEqual(await Promise.all([
    callers.judgeKey('x', sender()), callers.judgeKey(key, sender({ token: 'x' })), callers.judgeKey(key, sender({ domain: 'x.bitrix24.ru' })), callers.judgeKey(key, sender({ domain: null })), callers.judgeKey(key, sender({ memberId: 'x' })),
    callers.judgeSecret('x', sender(), 'event'), callers.judgeSecret('secret-acme', sender({ token: 'x' }), 'event'), callers.judgeSecret('secret-acme', sender({ token: null }), 'event'),
    callers.judgeSecret('secret-acme', sender({ domain: 'x.example.org' }), 'event'), callers.judgeSecret('secret-acme', sender({ memberId: 'x' }), 'event')
  ].map(async verdict => said(await verdict))), ['no key', 'no token', 'no domain', 'no domain', 'no member_id', 'no secret', 'no token', 'no token', 'no domain', 'no member_id'])
})

test('the token of another portal is wrong, a program may leave it out, a robot has none, and a portal without tokens asks for none', async () => {
  const { callers } = setUp()
  assert.equal(said(await callers.judgeKey(KEYS[0] ?? '', sender({ token: null }))), 'acme')
  assert.equal(said(await callers.judgeSecret('secret-acme', sender({ token: null }), 'robot')), 'acme')
  assert.equal(said(await callers.judgeSecret('secret-beta', sender({ memberId: null, token: 'anything' }), 'event')), 'beta')
})

test('by secret any allowed domain will do, since a portal may be renamed; by key the domain names the portal, a source before a target', async () => {
  const { callers } = setUp()
  assert.equal(said(await callers.judgeSecret('secret-acme', sender({ domain: 'renamed.bitrix24.ru' }), 'event')), 'acme')
  assert.equal(said(await callers.judgeSecret('secret-acme', sender({ domain: 'crm.example.org' }), 'event')), 'acme')
  assert.equal(said(await callers.judgeKey(KEYS[0] ?? '', sender({ domain: 'beta.bitrix24.ru', memberId: null }))), 'beta')
  for (const domain of ['evilbitrix24.ru', 'a.b.bitrix24.ru', 'a#.bitrix24.ru', 'A.bitrix24.ru', 'acme.bitrix24.ru.', 'xn--a.bitrix24.ru', '']) assert.equal(said(await callers.judgeSecret('secret-acme', sender({ domain }), 'event')), 'no domain', domain)
})

test('a member_id is learned from a call in which all else is good, and from no other', async () => {
  const { callers, asked } = setUp()
  await Promise.all([callers.judgeKey('x', sender()), callers.judgeKey(KEYS[0] ?? '', sender({ token: 'x' })), callers.judgeSecret('x', sender(), 'event'), callers.judgeSecret('secret-acme', sender({ domain: 'x.org' }), 'event'), callers.judgeSecret('secret-acme', sender({ memberId: null }), 'event')])
  assert.deepEqual([...new Set(asked)], ['isFine'])
  await callers.judgeSecret('secret-acme', sender(), 'event')
  assert.equal(asked.at(-1), 'learn acme member-acme')
})

test('every check is made whichever fails: as many digests, comparisons and looks at the pins for each kind of wrong', async (t) => {
  const { callers, asked } = setUp()
  const compares = countCompares(t)
  const key = KEYS[0] ?? ''
  const wrong: (() => Promise<Verdict>)[] = [
    () => callers.judgeKey('x', sender()), () => callers.judgeKey(key, sender({ token: 'x' })), () => callers.judgeKey(key, sender({ domain: 'x.bitrix24.ru' })), () => callers.judgeKey(key, sender({ memberId: 'x' })), () => callers.judgeKey('', sender({ domain: null, memberId: null, token: null })),
    () => callers.judgeSecret('x', sender(), 'event'), () => callers.judgeSecret('secret-acme', sender({ token: 'x' }), 'event'), () => callers.judgeSecret('secret-acme', sender({ domain: 'x.org' }), 'event'), () => callers.judgeSecret('secret-acme', sender({ memberId: 'x' }), 'event'),
    () => callers.judgeSecret('x', sender(), 'robot'), () => callers.judgeSecret('secret-acme', sender({ memberId: 'x' }), 'robot')
  ]
  for (const [index, judge] of wrong.entries()) {
    asked.length = 0
    const work = await compares.during(async () => { assert.equal((await judge()).isGood, false) })
    assert.deepEqual({ ...work, asked }, { digests: 2, compared: 2, asked: ['isFine'] }, `case ${index}`)
  }
})
