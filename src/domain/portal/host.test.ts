import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHostRule } from './host.ts'

const isAllowed = createHostRule(['*.bitrix24.ru', 'crm.example.com'])

const hostile = [
  'evilbitrix24.ru', 'bitrix24.ru', '.bitrix24.ru', 'a.b.bitrix24.ru', 'attacker.com#.bitrix24.ru', 'attacker.com/.bitrix24.ru',
  'attacker.com?.bitrix24.ru', 'attacker.com\\.bitrix24.ru', 'attacker.com:443#.bitrix24.ru', 'user@acme.bitrix24.ru', 'user:pass@acme.bitrix24.ru',
  'acme.bitrix24.ru:443', 'acme.bitrix24.ru:8443', 'acme.bitrix24.ru.', 'acme.bitrix24.ru/', 'acme.bitrix24.ru.attacker.com', 'ACME.bitrix24.ru',
  'acme.BITRIX24.ru', ' acme.bitrix24.ru', 'acme.bitrix24.ru ', 'acme.bitrix24.ru\n', 'acme\t.bitrix24.ru', 'acme.bitrix24.ru\u0000', 'acme\u00ad.bitrix24.ru',
  'acme\u200b.bitrix24.ru', '\uff41cme.bitrix24.ru', '\u24d0cme.bitrix24.ru', 'acme\u3002bitrix24.ru', 'xn--e1afmkfd.bitrix24.ru', 'xn--80ak6aa92e.bitrix24.ru',
  '-acme.bitrix24.ru', 'acme-.bitrix24.ru', 'acme_x.bitrix24.ru', '%61cme.bitrix24.ru', '*.bitrix24.ru', 'https://acme.bitrix24.ru', 'acmexbitrix24xru',
  `${'a'.repeat(64)}.bitrix24.ru`, `${'a'.repeat(250)}.bitrix24.ru`, '', '.', '127.0.0.1', '2130706433', '0x7f.1', '[::1]', 'Crm.example.com', 'x.crm.example.com'
]

test('a host that is not canonical or not on the list is refused, whatever it looks like', () => {
  let refused = 0
  for (const host of hostile) {
    assert.equal(isAllowed(host), false, JSON.stringify(host))
    refused++
  }
  assert.equal(refused, 47)
})

test('one plain label before the suffix and a full name pass', () => {
  for (const host of ['acme.bitrix24.ru', 'b24-x1y2.bitrix24.ru', 'a.bitrix24.ru', `${'a'.repeat(63)}.bitrix24.ru`, 'crm.example.com']) {
    assert.equal(isAllowed(host), true, host)
  }
})

test('a number form on the list does not pass, since a URL parser reads it as an address', () => {
  const rule = createHostRule(['2130706433', '0x7f.1', '127.0.0.1'])
  assert.deepEqual(['2130706433', '0x7f.1', '127.0.0.1'].map(rule), [false, false, true])
})

test('an empty list allows nothing', () => {
  assert.equal(createHostRule([])('acme.bitrix24.ru'), false)
})
