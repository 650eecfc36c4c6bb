// `npm test`: types, lint, rooms, then every test. Real parts are started once and shared by the test files.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const node = process.execPath
const run = (command, args, options = {}) => spawnSync(command, args, { stdio: 'inherit', ...options })

const checked = process.argv.includes('--no-check') ? { status: 0 } : run('npm', ['run', '-s', 'check'])
if (checked.status !== 0) {
  process.stderr.write('The check failed; the tests were not run.\n')
  process.exit(1)
}

const dir = mkdtempSync(join(tmpdir(), 'dealbridge-test-'))
const portBase = 20000 + 60 * Math.floor(Math.random() * 150)
const up = spawnSync(node, ['src/cli/parts/main.ts', 'up', '--dir', dir, '--port-base', String(portBase), '--json'], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
const stop = () => {
  spawnSync(node, ['src/cli/parts/main.ts', 'down', '--dir', dir, '--wipe'], { stdio: 'ignore' })
  rmSync(dir, { recursive: true, force: true })
}
if (up.status !== 0) {
  stop()
  process.exit(1)
}
const files = process.argv.slice(2).filter(arg => !arg.startsWith('--'))
const patterns = files.length > 0 ? files : ['src/**/*.test.ts', 'simulator/**/*.test.ts', 'test/**/*.test.ts']
const env = { ...process.env, DEALBRIDGE_TEST_PARTS: up.stdout.trim().split('\n').at(-1) }
const tests = spawn(node, ['--test', '--test-concurrency=2', '--test-timeout=300000', ...patterns], { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tests.kill(signal))
tests.on('exit', (code) => {
  stop()
  process.exit(code ?? 1)
})
