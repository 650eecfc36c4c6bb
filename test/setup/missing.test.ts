import assert from 'node:assert/strict'
import { rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { freePort } from '../support/ports.ts'
import { makeCheckout, whereIs } from './checkout.ts'
import type { Checkout } from './checkout.ts'

/** What set-up says besides what it is doing; it must fail with exit code 1. */
async function complaint (checkout: Checkout, env?: Record<string, string>): Promise<string[]> {
  const { code, said } = await checkout.setUp(env).end
  assert.equal(code, 1, said)
  return said.trim().split('\n').filter(line => !/^set-up: (bringing|installing) /.test(line)).map(line => line.replace('set-up: ', ''))
}

interface Case { readonly name: string, readonly break: (checkout: Checkout) => void, readonly says: string }

const PIP_AWAY = 'echo "WARNING: Retrying" >&2; echo "ERROR: No matching distribution found for x" >&2; exit 1'
const cases: readonly Case[] = [
  {
    name: 'Maven', break: (checkout) => { checkout.without('mvn') },
    says: 'Maven, which brings Kafka and the schema registry, is missing; install it with: apt-get install -y maven'
  },
  {
    name: 'a new Java, with pip away', break: (checkout) => { checkout.javas(); checkout.replace('python3', PIP_AWAY) },
    says: 'Java 21 or newer is missing, and pip could not bring it: No matching distribution found for x; install one with: apt-get install -y openjdk-21-jre-headless'
  },
  {
    name: 'a new Java, and Python', break: (checkout) => { checkout.javas(17); checkout.without('python3') },
    says: 'Java 21 or newer is missing, and there is no pip to bring it; install pip with: apt-get install -y python3-pip'
  },
  {
    name: 'a new Java, and pip of Python', break: (checkout) => { checkout.javas(17); checkout.replace('python3', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1') },
    says: 'Java 21 or newer is missing, and there is no pip to bring it; install pip with: apt-get install -y python3-pip'
  },
  {
    name: 'Redis, and Python', break: (checkout) => { checkout.without('redis-server'); checkout.without('python3') },
    says: 'Redis 7 or newer is missing, and there is no pip to bring it; install it with: apt-get install -y redis-server'
  },
  {
    name: 'Redis new enough, with pip away', break: (checkout) => { checkout.replace('redis-server', 'echo "Redis server v=6.2.7 sha=0"'); checkout.replace('python3', PIP_AWAY) },
    says: 'Redis 7 or newer is missing, and pip could not bring it: No matching distribution found for x; install it with: apt-get install -y redis-server'
  },
  {
    name: 'Maven\'s repository', break: (checkout) => { checkout.replace('mvn', 'echo "[ERROR] Could not transfer artifact a:b:pom:1 from/to central: Connection refused -> [Help 1]"; exit 1') },
    says: 'Maven could not bring Kafka (its repository cannot be reached); see why with: mvn -f scripts/kafka-pom.xml dependency:resolve'
  },
  {
    name: 'tar', break: (checkout) => { checkout.replace('mvn', 'out=${*##*-DoutputDirectory=}; mkdir -p "$out"; touch "$out/app.tar.gz"'); checkout.without('tar') },
    says: 'The schema registry could not be unpacked (spawn tar ENOENT); install tar with: apt-get install -y tar gzip'
  },
  {
    name: 'room on the disk', break: (checkout) => { checkout.replace('mvn', 'echo "[ERROR] /x: No space left on device"; exit 1') },
    says: 'is full; make room for about 1.5 GB and go on with: npm run -s setup'
  }
]

for (const { name, break: breaks, says } of cases) {
  test(`missing: ${name}; set-up says so in one sentence with the command that gets it`, async (t) => {
    const checkout = makeCheckout(t)
    breaks(checkout)
    const [sentence = '', ...more] = await complaint(checkout)
    assert.ok(sentence.endsWith(says), sentence)
    assert.deepEqual(more, [])
  })
}

test('several missing things are each named, once', async (t) => {
  const checkout = makeCheckout(t)
  for (const program of ['mvn', 'python3', 'redis-server'] as const) checkout.without(program)
  assert.deepEqual((await complaint(checkout)).map(line => line.split(' ')[0]), ['Maven,', 'Redis'])
})

test('an npm registry that cannot be reached is said in one sentence', async (t) => {
  const checkout = withoutPackages(t)
  const nobody = `http://127.0.0.1:${await freePort()}`
  assert.deepEqual(await complaint(checkout, { npm_config_registry: nobody, npm_config_fetch_retries: '0', npm_config_cache: path.join(checkout.dir, 'cache') }),
    ['The npm registry cannot be reached (ECONNREFUSED), so the packages are missing; see why with: npm ping'])
})

test('npm that is missing, and npm that refuses, are said in one sentence', async (t) => {
  const checkout = withoutPackages(t)
  checkout.replace('npm', 'echo "npm error code EUSAGE" >&2; echo "npm error" >&2; echo "npm error The lock file does not fit." >&2; exit 1')
  assert.deepEqual(await complaint(checkout), ['The packages could not be installed (The lock file does not fit); see why with: npm ci --engine-strict=false'])
  rmSync(path.join(checkout.dir, 'bin/npm'))
  assert.deepEqual(await complaint(checkout), ['npm is missing; install it with: apt-get install -y npm'])
})

function withoutPackages (t: TestContext): Checkout {
  const checkout = makeCheckout(t)
  rmSync(path.join(checkout.dir, 'node_modules'), { recursive: true })
  symlinkSync(whereIs('npm'), path.join(checkout.dir, 'bin/npm'))
  return checkout
}
