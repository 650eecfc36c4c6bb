// One set-up at a time, and nothing half-made.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { downloads } from './places.mjs'
import { MARK } from './programs.mjs'
import { list, readText, say } from './words.mjs'

const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

/** A folder as a lock; its owner touches it, and one that was not touched for 20 s or whose process is gone is taken over. */
export async function lock (folder) {
  fs.mkdirSync(path.dirname(folder), { recursive: true })
  const mine = `${os.hostname()} ${process.pid}`
  const ownerFile = path.join(folder, 'owner')
  for (let told = false; ; await wait(200)) {
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

/**
 * Ends what a killed set-up of this checkout left running: its npm would go on writing into node_modules beside ours.
 * Called with the lock in hand. Only where the system shows environments (Linux).
 */
export async function endOrphans () {
  const orphans = () => list('/proc').filter(pid => Number(pid) > 0 && Number(pid) !== process.pid && readText(`/proc/${pid}/environ`)?.split('\0').includes(MARK))
  for (let left = orphans(), tries = 0; left.length > 0 && tries < 100; left = orphans(), tries++) {
    for (const pid of left) try { process.kill(Number(pid), 'SIGKILL') } catch { /* it ended */ }
    await wait(20)
  }
}

/** Fills a folder beside the target and renames it, so that a target is whole or absent. What was left half-made goes first. */
export async function place (target, fill) {
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
