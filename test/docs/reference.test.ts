import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERROR_CODES } from '../../src/platform/errors.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8')
const codesOf = (page: string): string[] => [...read(page).matchAll(/^\| `([a-z_]+)` \|/gm)].map(match => match[1] ?? '')
const sources = (): string[] => globSync(['src/domain/**/*.ts', 'src/dispatcher/**/*.ts', 'src/bitrix24/**/*.ts'], { cwd: ROOT.pathname }).filter(file => !file.endsWith('.test.ts'))

// Reasons that never leave the work table: the deal is simply looked at again.
const INSIDE = ['lagging_read', 'same_second', 'intent_failed', 'not_in_answer', 'no_client', 'stopping', 'record_busy']

test('the page of errors names the codes that exist, all of them and no other', () => {
  assert.ok(ERROR_CODES.length > 5)
  assert.deepEqual(codesOf('docs/reference/errors.md').toSorted(), [...ERROR_CODES].toSorted())
})

test('the page of reasons names the reasons that the code gives, all of them and no other', () => {
  const given = new Set(sources().flatMap(file => [...read(file).matchAll(/\b(?:reason|code): '([a-z_]+)'/g)].map(match => match[1] ?? '')))
  assert.ok(given.size > 15)
  assert.deepEqual(codesOf('docs/reference/reasons.md').toSorted(), [...given].filter(code => !INSIDE.includes(code)).toSorted())
})

test('the live page says every reason in Russian', () => {
  const russian = /ru: \{[^]*?reasons: \{([^]*?)\} \}\n\}/.exec(read('src/query/page.html'))?.[1] ?? ''
  const said = [...russian.matchAll(/([a-z_]+): '/g)].map(match => match[1] ?? '')
  assert.deepEqual(said.toSorted(), codesOf('docs/reference/reasons.md').toSorted())
})

test('the page of planted bugs names at least twenty, and each stands where the page says', () => {
  const rows = [...read('docs/reference/planted-bugs.md').matchAll(/^\| [^|]+ \| `([^`]+)`: ([^|]+) \|$/gm)].map(match => [match[1] ?? '', match[2] ?? ''] as const)
  assert.ok(rows.length >= 20)
  assert.deepEqual(rows.filter(([file, name]) => !read(file).includes(name)), [])
})
