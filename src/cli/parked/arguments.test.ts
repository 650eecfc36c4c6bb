import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseParked } from './arguments.ts'

const parse = (line: string): ReturnType<typeof parseParked> => parseParked(line.split(' '))

test('deals are chosen by name, by reason, by portal or all of them', () => {
  const head = { kind: 'order', config: 'F', json: false, order: 'release', confirmed: false }
  assert.deepEqual(parse('release acme:1 beta:2 acme:1 --config F'), { ...head, choice: { by: 'name', deals: [{ portal: 'acme', dealId: '1' }, { portal: 'beta', dealId: '2' }] } })
  assert.deepEqual(parse('release --reason stage_unmapped --config F --yes --json'), { ...head, json: true, confirmed: true, choice: { by: 'filter', portal: undefined, reason: 'stage_unmapped' } })
  assert.deepEqual(parse('release --all --portal acme --config F'), { ...head, choice: { by: 'filter', portal: 'acme', reason: undefined } })
  assert.deepEqual(parse('hold acme:9 --yes --config F'), { ...head, order: 'hold', confirmed: true, choice: { by: 'name', deals: [{ portal: 'acme', dealId: '9' }] } })
  assert.deepEqual(parse('list --portal acme --config F'), { kind: 'list', config: 'F', json: false, portal: 'acme', reason: undefined })
  assert.deepEqual(parse('edit acme:9 --set STAGE_ID=NEW --set UF_CRM_X=a=b --set COMMENTS= --yes --config F'), {
    kind: 'edit', config: 'F', json: false, deal: { portal: 'acme', dealId: '9' }, fields: { STAGE_ID: 'NEW', UF_CRM_X: 'a=b', COMMENTS: '' }, confirmed: true
  })
  assert.deepEqual(parse('show acme:9 --config F'), { kind: 'show', config: 'F', json: false, deal: { portal: 'acme', dealId: '9' } })
})

test('what could mean more deals than was said is a mistake, and every mistake is told at once', () => {
  for (const [line, sentence] of [
    ['release --config F --yes', /--all, --reason R/], ['release --portal acme --config F', /--all, --reason R/], ['release acme:1 --all --config F', /not both/],
    ['release acme:1 --portal acme --config F', /not both/], ['release --all --reason x --config F', /exclude each other/], ['skip --all --config F', /by name/], ['hold --reason x --config F', /by name/],
    ['show acme:1 acme:2 --config F', /exactly one/], ['list acme:1 --config F', /parked show/], ['mend acme:1 --config F', /no parked mend/], ['edit acme:1 --config F', /--set FIELD=VALUE/], ['edit acme:1 acme:2 --set A=1 --config F', /exactly one/],
    ['edit acme:1 --set title=A --config F', /title=A is not FIELD=VALUE/], ['edit acme:1 --set TITLE --config F', /TITLE is not/], ['edit acme:1 --set A=1 --set A=2 --config F', /A is given more than once/],
    ['edit acme:1 --all --set A=1 --config F', /exactly one/], ['release acme:1 --set A=1 --config F', /release takes no --set/], ['release acme:0 --config F', /acme:0 names no deal/],
    ['release acme --config F', /acme names no deal/], ['release acme:1 --force --config F', /--force/], ['release acme:1', /--config FILE/], ['release x --reason r', /names no deal[^]*not both[^]*--config/]
  ] as const) {
    const command = parse(line)
    assert.equal(command.kind, 'wrong', line)
    assert.match(command.kind === 'wrong' ? command.mistakes.join('\n') : '', sentence, line)
  }
})
