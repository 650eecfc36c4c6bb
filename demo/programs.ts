import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createWriteStream, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeWhole } from '../src/cli/parts/process.ts'
import { NODE_FLAGS } from '../src/platform/node-flags.ts'

const CLI = fileURLToPath(new URL('../src/main/cli.ts', import.meta.url))

/** Runs a command of dealbridge to its end, whatever the terminal's Ctrl-C says; throws with what it said when it failed. */
export function command (args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  return new Promise((resolve, reject) => child.once('exit', (code) => {
    if (code === 0) resolve(out)
    else reject(new Error(`dealbridge ${args.slice(0, 2).join(' ')} failed:\n${said.slice(-2000).trim()}`))
  }))
}

/** A program in the background, ready once it has printed its `{"ready":…}` line. */
export interface Program { readonly ready: Promise<void>, stop (): Promise<void> }

/** Starts a long-running command of dealbridge; its log goes to `logFile`, its pid to `pidFile` for as long as it runs. */
export function start (args: readonly string[], { logFile, pidFile }: { logFile: string, pidFile: string }): Program {
  const child: ChildProcess = spawn(process.execPath, [...NODE_FLAGS, CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const log = createWriteStream(logFile, { flags: 'a' })
  child.stderr?.pipe(log)
  writeWhole(pidFile, String(child.pid))
  const gone = new Promise<void>(resolve => child.once('exit', () => {
    rmSync(pidFile, { force: true })
    resolve()
  }))
  const ready = new Promise<void>((resolve, reject) => {
    let out = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (out.includes('"ready"')) resolve()
    })
    void gone.then(() => reject(new Error(`dealbridge ${args.slice(0, 2).join(' ')} ended early; see ${logFile}`)))
  })
  ready.catch(() => undefined)
  return {
    ready,
    async stop () {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 22_000)
      await gone
      clearTimeout(late)
    }
  }
}
