import { execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../../platform/errors.ts'
import type { Part } from './part.ts'
import { until } from './until.ts'

/**
 * The pid of the running server of `part`, or null.
 *
 * The pid file counts only if the process behind it carries the part's marker. A server without a pid file (its starter was
 * killed in between) is found by its marker where the system has /proc, and its pid file is written again.
 */
export function pidOf (part: Pick<Part, 'marker' | 'pidFile'>): number | null {
  const recorded = Number(readText(part.pidFile) ?? 0)
  if (recorded > 0 && hasMarker(recorded, part.marker)) return recorded
  const strays = numbersIn('/proc').filter(pid => pid !== process.pid && hasMarker(pid, part.marker))
  const stray = strays.find(pid => pid > 0)
  if (stray === undefined) return null
  writeWhole(part.pidFile, String(stray))
  return stray
}

/** Starts the server detached, in a process group of its own, so that it outlives this process; gives its pid. */
export function start (part: Part): number {
  mkdirSync(dirname(part.logFile), { recursive: true })
  const log = openSync(part.logFile, 'a')
  const { command, args, cwd, user } = part.launch()
  const child = spawn(command, args, {
    detached: true, stdio: ['ignore', log, log],
    ...(cwd === undefined ? {} : { cwd }), ...(user === undefined ? {} : { uid: user, gid: user })
  })
  closeSync(log)
  child.on('error', () => undefined)
  child.unref()
  if (child.pid === undefined) throw new AppError('part_failed', `${part.name} could not be started: ${command} does not run`)
  writeWhole(part.pidFile, String(child.pid))
  return child.pid
}

/** Asks the server to end, kills it after 10 s, and returns when it is gone; nothing happens if it does not run. */
export async function stop (part: Pick<Part, 'marker' | 'pidFile' | 'stop'>): Promise<void> {
  const pid = pidOf(part)
  if (pid !== null) {
    signal(pid, part.stop)
    const gone = (): Promise<void> => hasMarker(pid, part.marker) ? Promise.reject(new Error('it still runs')) : Promise.resolve()
    try {
      await until(gone, { deadlineMs: 10000 })
    } catch {
      // The group too: a PostgreSQL that is killed leaves children.
      signal(-pid, 'SIGKILL')
      signal(pid, 'SIGKILL')
      await until(gone, { deadlineMs: 10000 })
    }
  }
  rmSync(part.pidFile, { force: true })
}

/** Whether the process `pid` lives and has `marker` as one argument of its command line; a zombie has no arguments. */
export function hasMarker (pid: number, marker: string): boolean {
  const line = readText(`/proc/${pid}/cmdline`)
  if (line !== null) return line.split('\0').includes(marker)
  if (process.platform === 'linux') return false
  try {
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(marker)
  } catch {
    return false
  }
}

/** Replaces a file as a whole, so that a reader never sees half of it. */
export function writeWhole (file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const fresh = `${file}.${process.pid}.new`
  writeFileSync(fresh, text)
  renameSync(fresh, file)
}

/** The text of a file, or null when it cannot be read. */
export function readText (file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** The last lines of a log, for an error message. */
export function lastLines (file: string, count: number): string {
  return (readText(file) ?? '').trim().split('\n').slice(-count).join('\n')
}

function signal (pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}

function numbersIn (folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(number => Number.isInteger(number))
  } catch {
    return []
  }
}
