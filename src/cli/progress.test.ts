import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgress } from './progress.ts'

test('on a terminal the work is a bar that ends full, elsewhere short work says nothing', () => {
  const said: string[] = []
  const write = (text: string): void => { said.push(text) }
  const bar = createProgress('ordered', 4, { isTTY: true, write })
  bar.at(4)
  bar.end()
  assert.deepEqual(said, [`\rordered [${'#'.repeat(30)}] 4 of 4`, '\n'])
  const quiet = createProgress('ordered', 4, { write })
  quiet.at(4)
  quiet.end()
  assert.equal(said.length, 2)
})
