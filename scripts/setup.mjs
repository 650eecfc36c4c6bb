// Brings what dealbridge needs and nothing else: packages, Node 24, Kafka, the registry, PostgreSQL and Redis.
// Plain JavaScript for Node 18 and newer, because it runs before any of that is there. Writes to standard error only.
import fs from 'node:fs'
import path from 'node:path'
import { bringJars } from './setup/jars.mjs'
import { bringJava } from './setup/java.mjs'
import { endOrphans, lock } from './setup/lock.mjs'
import { installPackages, packagesAreCurrent } from './setup/packages.mjs'
import { KAFKA, REGISTRY, asRoot, downloads, executable, home, recordFile, root } from './setup/places.mjs'
import { bringPostgres } from './setup/postgres.mjs'
import { bringRedis } from './setup/redis.mjs'
import { Missing, readJson, say, sentenceOf } from './setup/words.mjs'

try {
  if (!packagesAreCurrent() || !partsAreThere()) {
    const release = await lock(path.join(home, 'setup.lock'))
    try {
      await endOrphans()
      if (!packagesAreCurrent()) await installPackages()
      if (!partsAreThere()) await bringParts()
    } finally {
      release()
    }
  }
} catch (error) {
  say(sentenceOf(error))
  process.exitCode = 1
}

function partsAreThere () {
  const record = readJson(recordFile)
  if (record?.kafka !== KAFKA || record.registry !== REGISTRY || record.asRoot !== asRoot || record.root !== root) return false
  const files = [record.java, record.javaRegistry, record.redisServer, path.join(record.kafkaLibs, `kafka_2.13-${KAFKA}.jar`),
    path.join(record.registryDir, 'quarkus-run.jar'), ...['postgres', 'initdb'].map(name => path.join(record.postgresBin, executable(name)))]
  return files.every(file => fs.existsSync(file)) && (record.postgresShare == null || fs.existsSync(path.join(record.postgresShare, 'postgres.bki')))
}

async function bringParts () {
  fs.mkdirSync(downloads, { recursive: true })
  say('bringing Kafka, the registry, PostgreSQL and Redis (once; kept in .dealbridge)')
  const java = bringJava()
  const results = await Promise.allSettled([java, bringJars(java), bringRedis(), bringPostgres()])
  const failed = results.filter(result => result.status === 'rejected').map(result => result.reason)
  const broken = failed.find(reason => !(reason instanceof Missing))
  if (broken) throw broken
  // The jars wait for the Java, and then fail with it.
  if (failed.length > 0) throw new Missing([...new Set(failed.map(reason => reason.message))].join('\nset-up: '))
  const [javas, jars, redis, postgres] = results.map(result => result.value)
  const record = { kafka: KAFKA, registry: REGISTRY, asRoot, root, ...javas, ...jars, ...redis, ...postgres }
  fs.writeFileSync(`${recordFile}.${process.pid}`, JSON.stringify(record, null, 2) + '\n')
  fs.renameSync(`${recordFile}.${process.pid}`, recordFile)
  say('everything is there')
}
