// Kafka and the schema registry, by Maven.
import fs from 'node:fs'
import path from 'node:path'
import { systemHasJava } from './java.mjs'
import { place } from './lock.mjs'
import { KAFKA, REGISTRY, downloads, root, windows } from './places.mjs'
import { onPath, run } from './programs.mjs'
import { Missing, list, mindTheRoom, reasonIn } from './words.mjs'

const POM = path.join('scripts', 'kafka-pom.xml')
const ARTIFACT = `io.apicurio:apicurio-registry-app:${REGISTRY}:tar.gz:all`

/** `java` is waited for only where Maven would find none by itself. One Maven after the other: two at once may spoil an empty local repository. */
export async function bringJars (java) {
  const kafkaLibs = path.join(downloads, `kafka-${KAFKA}`, 'libs')
  const registryDir = path.join(downloads, `registry-${REGISTRY}`)
  if (![path.dirname(kafkaLibs), registryDir].every(folder => fs.existsSync(folder)) && !onPath(windows ? 'mvn.cmd' : 'mvn')) {
    throw new Missing('Maven, which brings Kafka and the schema registry, is missing; install it with: apt-get install -y maven')
  }
  await place(path.dirname(kafkaLibs), async (folder) => {
    await maven(java, 'Kafka', ['dependency:copy-dependencies', `-DoutputDirectory=${path.join(folder, 'libs')}`], `mvn -f ${POM} dependency:resolve`)
  })
  await place(registryDir, async (folder) => {
    await maven(java, 'the schema registry', ['dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${folder}`], `mvn -f ${POM} dependency:get -Dartifact=${ARTIFACT}`)
    const archive = list(folder).find(name => name.endsWith('.tar.gz'))
    const unpacked = archive === undefined ? { code: 1, output: 'no archive came' } : await run('tar', ['xzf', archive], { cwd: folder })
    if (unpacked.code !== 0) {
      mindTheRoom(unpacked.output)
      throw new Missing(`The schema registry could not be unpacked (${reasonIn(unpacked.output, /^tar: (.+)/)}); install tar with: apt-get install -y tar gzip`)
    }
    fs.rmSync(path.join(folder, archive))
  })
  return { kafkaLibs, registryDir }
}

async function maven (java, what, goals, toSeeWhy) {
  const env = { ...process.env, MAVEN_OPTS: `${process.env.MAVEN_OPTS ?? ''} -XX:-UsePerfData` }
  if (!systemHasJava()) env.JAVA_HOME = path.resolve(path.dirname((await java).java), '..')
  const args = ['-B', '-q', '-f', path.join(root, POM), ...goals]
  const attempt = () => run(windows ? 'mvn.cmd' : 'mvn', args, { env, shell: windows })
  let result = await attempt()
  if (result.code !== 0) result = await attempt()
  if (result.code === 0) return
  mindTheRoom(result.output)
  const away = /Could not transfer|Unknown host|Connection refused|Network is unreachable|timed out/.test(result.output)
  const reason = away ? 'its repository cannot be reached' : reasonIn(result.output, /^\[ERROR\] (.+)/)
  throw new Missing(`Maven could not bring ${what} (${reason}); see why with: ${toSeeWhy}`)
}
