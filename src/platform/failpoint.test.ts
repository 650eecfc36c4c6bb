import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FAILPOINTS, FailpointError, armFailpoints, failpoint } from './failpoint.ts'

const CLI = new URL('../main/cli.ts', import.meta.url).pathname
const SRC = new URL('..', import.meta.url).pathname
const allow = { DEALBRIDGE_FAULTS: 'allow' }

test('without FAILPOINTS no place does anything', () => {
  armFailpoints({ ...allow })
  for (const name of FAILPOINTS) failpoint(name)
})

test('a place strikes at its occurrence alone, and no other place does', (t) => {
  t.after(() => armFailpoints({}))
  armFailpoints({ ...allow, FAILPOINTS: 'K9:2:throw' })
  failpoint('K9')
  failpoint('K10')
  assert.throws(() => failpoint('K9'), FailpointError)
  failpoint('K9')
})

test('a place that is only counted strikes nobody, and each of its passings is on record', () => {
  const program = `const { armFailpoints, failpoint } = await import(${JSON.stringify(new URL('failpoint.ts', import.meta.url).href)}); armFailpoints({ FAILPOINTS: 'K9:1:count,K10:1:count', DEALBRIDGE_FAULTS: 'allow' }); for (const name of ['K9', 'K10', 'K9']) failpoint(name)`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.deepEqual([status, stderr.trim().split('\n').map(line => JSON.parse(line) as unknown)], [0, [['K9', 1], ['K10', 1], ['K9', 2]].map(([point, hit]) => ({ event: 'failpoint', point, hit, action: 'count' }))])
})

test('what is not understood is refused', () => {
  for (const wrong of ['K99:1:kill', 'K9', 'K9:0:kill', 'K9:1:explode', 'K9:1:kill,']) assert.throws(() => armFailpoints({ ...allow, FAILPOINTS: wrong }), { code: 'config_invalid' }, wrong)
})

test('a process with FAILPOINTS and nothing that allows it does not start', () => {
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'run', 'all', '--config', 'none.yaml'], { env: { FAILPOINTS: 'K9:1:kill' }, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /DEALBRIDGE_FAULTS=allow/)
})

test('kill ends the process at the place, and the hit is on record', () => {
  const program = `const { armFailpoints, failpoint } = await import(${JSON.stringify(new URL('failpoint.ts', import.meta.url).href)}); armFailpoints({ FAILPOINTS: 'K11:1:kill', DEALBRIDGE_FAULTS: 'allow' }); failpoint('K11'); process.stdout.write('went on')`
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.deepEqual([signal, stdout, JSON.parse(stderr)], ['SIGKILL', '', { event: 'failpoint', point: 'K11', hit: 1, action: 'kill' }])
})

test('every named place stands in the code, once', () => {
  const calls = globSync('**/*.ts', { cwd: SRC }).filter(file => !file.includes('.test.') && !file.endsWith('platform/failpoint.ts'))
    .flatMap(file => [...readFileSync(`${SRC}/${file}`, 'utf8').matchAll(/(?:failpoint\(|point: Failpoint = ).*/g)]).flatMap(([call]) => [...call.matchAll(/'(K\d+)'/g)].map(match => match[1] ?? ''))
  assert.deepEqual(calls.toSorted(), [...FAILPOINTS].toSorted())
})
