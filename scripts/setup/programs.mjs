// Other programs: where they are, and how they are run.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { root, windows } from './places.mjs'

/** In the environment of every program that set-up runs, so that one whose set-up was killed is known again. */
export const MARK = `DEALBRIDGE_SETUP=${root}`

const groups = new Set()

// A group of its own for each: whatever it started goes with it when set-up is stopped.
process.once('exit', () => {
  for (const pid of groups) try { process.kill(windows ? pid : -pid, 'SIGKILL') } catch { /* it ended */ }
})
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.once(signal, () => process.exit(code))

const TOO_LONG_MS = 900_000

/** Runs a program to its end, at most 15 minutes; gives its exit code and all it said. */
export function run (command, args, options = {}) {
  return new Promise((resolve) => {
    const env = { ...options.env ?? process.env, DEALBRIDGE_SETUP: root }
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, env, detached: !windows })
    if (child.pid !== undefined) groups.add(child.pid)
    // Not spawn's own time-out: for a program that does not exist it would keep set-up waiting to the end.
    const late = setTimeout(() => { try { process.kill(windows ? child.pid : -child.pid, 'SIGKILL') } catch { /* it ended */ } }, TOO_LONG_MS)
    let output = ''
    child.stdout.on('data', (data) => { output += data })
    child.stderr.on('data', (data) => { output += data })
    child.on('error', (error) => { clearTimeout(late); resolve({ code: 1, output: error.message }) })
    child.on('close', (code) => { clearTimeout(late); groups.delete(child.pid); resolve({ code: code ?? 1, output }) })
  })
}

export function onPath (name) {
  return (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name)).find((file) => {
    try { fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile() } catch { return false }
  })
}
