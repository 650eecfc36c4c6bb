import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'

const CLI = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../dealbridge.example.yaml', import.meta.url))
const MAPPING = fileURLToPath(new URL('../../mapping/partner.yaml', import.meta.url))

function call (...args: string[]): { code: number | null, out: string, said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...NODE_FLAGS, CLI, ...args], { encoding: 'utf8', timeout: 60_000 })
  return { code: status, out: stdout, said: stderr }
}

function folder (t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-cli-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('--help tells every command on standard output, with and without one', () => {
  const { code, out, said } = call('--help')
  assert.equal(code, 0)
  assert.equal(said, '')
  for (const command of ['parts', 'init', 'check', 'run', 'sweep', 'status', 'parked', 'simulate']) {
    assert.match(out, new RegExp(`^  ${command} `, 'm'))
    assert.deepEqual([call(command, '--help').code, command], [0, command])
  }
})

test('used wrongly is exit code 2 and one sentence before the help, never a stack', () => {
  for (const [args, sentence] of [
    [[], /dealbridge: moves deals/], [['fly', '--config', EXAMPLE], /there is no command fly/], [['run', 'all'], /run needs --config FILE/],
    [['run', 'everything', '--config', EXAMPLE], /not everything/], [['sweep', 'walk', '--config', EXAMPLE], /sweep takes run/], [['sweep', 'run', '--portal', 'main', '--config', EXAMPLE], /named main/], [['check', '--config', EXAMPLE, '--loud'], /--loud/], [['check', '--config', 'nowhere.yaml'], /nowhere\.yaml/],
    [['parts', 'up', '--dir', '/tmp'], /port-base/], [['parts', 'sideways'], /sideways/],
    [['parked', 'sideways', '--config', EXAMPLE], /sideways/], [['parked', 'release', '--config', EXAMPLE, '--yes'], /--all, --reason R/], [['status'], /--config FILE/], [['status', '--config', EXAMPLE, '--loud'], /--loud/]
  ] as const) {
    const { code, out, said } = call(...args)
    assert.deepEqual([code, args], [2, args])
    assert.match(out + said, sentence)
    assert.doesNotMatch(said, /\n\s+at /)
  }
})

test('a bad config lists all mistakes at once with file and path, in every command, with exit code 2', (t) => {
  const dir = folder(t)
  const bad = path.join(dir, 'bad.yaml')
  writeFileSync(path.join(dir, 'mapping.yaml'), 'version: 0\nstagess: {}\n')
  writeFileSync(bad, `version: 1\nkafka: { brokers: [] }\nredis: { url: "http://x" }\nportals: [{ name: A, role: source }]\nroutes: [{ from: "*", to: main, mapping: mapping.yaml }]\n`)
  for (const command of [['check'], ['init'], ['run', 'all'], ['status'], ['parked', 'list'], ['parked', 'release', '--all', '--yes']]) {
    const { code, said } = call(...command, '--config', bad)
    assert.deepEqual([code, command], [2, command])
    for (const wanted of ['kafka.brokers', 'registry', 'postgres', 'redis.url', 'portals[0].name', 'portals[0].domain']) assert.ok(said.includes(wanted), `${wanted} in ${said}`)
    assert.ok(said.includes('bad.yaml'))
    assert.doesNotMatch(said, /\n\s+at /)
  }
})

test('a bad mapping and a broken expression are mistakes of the config, with the file of the mapping', (t) => {
  const dir = folder(t)
  const config = path.join(dir, 'c.yaml')
  writeFileSync(config, readFileSync(EXAMPLE, 'utf8').replaceAll('mapping/partner.yaml', 'm.yaml'))
  writeFileSync(path.join(dir, 'm.yaml'), 'version: 1\nstagess: {}\nfields: { title: TITLE }\n')
  const { code, said } = call('check', '--config', config)
  assert.equal(code, 2)
  for (const wanted of ['m.yaml', 'stagess', 'title']) assert.ok(said.includes(wanted), `${wanted} in ${said}`)
  writeFileSync(path.join(dir, 'm.yaml'), readFileSync(MAPPING, 'utf8').replace('"Import from "', '"Import from " & ('))
  const broken = call('check', '--config', config)
  assert.equal(broken.code, 2)
  assert.match(broken.said, /m\.yaml.*SOURCE_DESCRIPTION/s)
})

test('a good config passes the check, and --json makes the result the last line of standard output', () => {
  const { code, out } = call('check', '--config', EXAMPLE, '--json')
  assert.equal(code, 0)
  assert.deepEqual((JSON.parse(out.trim().split('\n').at(-1) ?? '') as { ok: boolean }).ok, true)
})
