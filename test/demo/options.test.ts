import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDemoOptions } from '../../demo/options.ts'

const mistakesOf = (...args: string[]): readonly string[] => {
  const asked = readDemoOptions(args)
  return asked.kind === 'wrong' ? asked.mistakes : assert.fail(`${args.join(' ')} was taken`)
}

test('without options the demo runs for ever and chooses its ports', () => {
  assert.deepEqual(readDemoOptions([]), { kind: 'run', options: { deals: 0, exit: false, portBase: null } })
})

test('--exit alone works on 50 deals', () => {
  assert.deepEqual(readDemoOptions(['--exit']), { kind: 'run', options: { deals: 50, exit: true, portBase: null } })
  assert.deepEqual(readDemoOptions(['--deals', '200', '--exit', '--port-base=20000']), { kind: 'run', options: { deals: 200, exit: true, portBase: 20_000 } })
})

test('a number that is none, is too small or too large is refused in plain words', () => {
  for (const bad of ['abc', '0', '1.5', '1e3', '100001', '']) {
    assert.deepEqual(mistakesOf(`--deals=${bad}`), [`--deals is a whole number from 1 to 100000, not ${JSON.stringify(bad)}`])
  }
  assert.deepEqual(mistakesOf('--deals'), ['--deals is a whole number from 1 to 100000'])
  assert.deepEqual(mistakesOf('--port-base', '80'), ['--port-base is a whole number from 1024 to 65436, not "80"'])
})

test('every mistake is listed at once', () => {
  assert.deepEqual(mistakesOf('--deal=3', 'now', '-x', '--deals', 'x'), [
    'there is no option --deal', 'there is no option -x', 'there is no option now', '--deals is a whole number from 1 to 100000, not "x"'
  ])
})

test('--help wins over mistakes', () => {
  for (const help of ['--help', '-h']) assert.deepEqual(readDemoOptions(['--deals', 'x', help]), { kind: 'help' })
})
