import { globSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The library of Debian's and Ubuntu's package `libfaketime`, or null where it is not installed. */
export function findFakeClock (): string | null {
  return globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0] ?? null
}

/** The file that says how far the clock of a process is off; `dir` is the rig's. */
export function clockFile (dir: string, program: string): string {
  return path.join(dir, `clock-${program}`)
}

/** Sets the clock of a process that was started with `clockEnvironment`, which sees it within a second: whole hours from the true time. */
export function setClock (file: string, hours: number): void {
  writeFileSync(file, `${hours < 0 ? '' : '+'}${hours}h\n`)
}

/** Variables with which a process asks `file` for its time of day; its monotonic clock stays true. */
export function clockEnvironment (library: string, file: string): Record<string, string> {
  setClock(file, 0)
  return { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_CACHE_DURATION: '1' }
}
