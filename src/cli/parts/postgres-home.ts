import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { AppError } from '../../platform/errors.ts'
import { readText, writeWhole } from './process.ts'

/**
 * The folder in which PostgreSQL keeps its data: `dir`, or one under the temporary folder when PostgreSQL could not enter `dir`.
 *
 * As root PostgreSQL runs as another user, and a folder on the way may be closed to it. Then `dir`/postgres.at holds the other
 * place, which is used from then on and goes with `forgetPostgresHome`.
 */
export function postgresHome (dir: string): string {
  const pointer = join(dir, 'postgres.at')
  const pointed = readText(pointer)?.trim()
  if (pointed !== undefined && pointed !== '') {
    makeOwn(pointed)
    return pointed
  }
  if (process.getuid?.() !== 0 || isOpen(dir)) return dir
  const place = [tmpdir(), '/tmp', '/var/tmp'].find(folder => isOpen(folder)) ?? tmpdir()
  const home = join(place, `dealbridge-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`)
  // Without a pointer what lies there belongs to a folder of this name that was removed by hand.
  if (existsSync(home)) { assertOwn(home); rmSync(home, { recursive: true, force: true }) }
  makeOwn(home)
  writeWhole(pointer, `${home}\n`)
  return home
}

/** Removes the folder that `postgresHome` made outside of `dir`, if it made one. */
export function forgetPostgresHome (dir: string): void {
  const pointed = readText(join(dir, 'postgres.at'))?.trim()
  if (pointed === undefined || pointed === '' || !existsSync(pointed)) return
  assertOwn(pointed)
  rmSync(pointed, { recursive: true, force: true })
}

function makeOwn (home: string): void {
  if (!existsSync(home)) mkdirSync(home)
  assertOwn(home)
  chmodSync(home, 0o711)
}

// The temporary folder is everybody's: a name in it may have been taken by somebody else.
function assertOwn (home: string): void {
  const stats = lstatSync(home)
  if (!stats.isDirectory() || stats.uid !== process.getuid?.()) throw new AppError('part_failed', `${home} belongs to somebody else; remove it`)
}

function isOpen (folder: string): boolean {
  if (!existsSync(folder)) return false
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}
