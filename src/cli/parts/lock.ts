import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../platform/errors.ts'
import { until } from './until.ts'

const STALE_MS = 20000

/**
 * Runs `work` while no other process works on the parts of `dir`; waits up to two minutes for one that does.
 *
 * The lock is a folder that its owner touches every 3 s. One whose owner is gone, or which was not touched for 20 s, is taken over.
 */
export async function locked<T> (dir: string, work: () => Promise<T>): Promise<T> {
  const folder = join(dir, '.lock')
  const ownerFile = join(folder, 'owner')
  const mine = `${hostname()} ${process.pid} ${performance.now()}`
  await until(async () => { await Promise.resolve(); take(dir, folder, mine) }, { deadlineMs: 120000, everyMs: 100 }).catch((error: unknown) => {
    throw new AppError('part_failed', `Another command has been working on the parts of ${dir} for two minutes; if none is, remove ${folder}`, { cause: error })
  })
  const touch = setInterval(() => { touchFolder(folder) }, 3000)
  const release = (): void => {
    clearInterval(touch)
    if (ownerOf(ownerFile) === mine) rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

function take (dir: string, folder: string, mine: string): void {
  mkdirSync(dir, { recursive: true })
  const ownerFile = join(folder, 'owner')
  if (isStale(folder, ownerOf(ownerFile))) {
    const aside = `${folder}.${process.pid}`
    renameSync(folder, aside)
    rmSync(aside, { recursive: true, force: true })
  }
  mkdirSync(folder)
  writeFileSync(ownerFile, mine)
}

function isStale (folder: string, owner: string | null): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (Date.now() - stats.mtimeMs > STALE_MS) return true
  const [host, pid] = (owner ?? '').split(' ')
  if (host !== hostname() || !(Number(pid) > 0)) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function ownerOf (file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function touchFolder (folder: string): void {
  try {
    utimesSync(folder, new Date(), new Date())
  } catch {
    // It was taken over, or its parent was removed.
  }
}
