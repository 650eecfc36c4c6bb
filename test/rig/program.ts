import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs'
import { NODE_FLAGS } from '../../src/platform/node-flags.ts'

/** One process of the system, kept alive as a supervisor would: who ends by itself is started again. */
export interface Program {
  readonly name: string
  readonly pid: () => number | undefined
  /** Whether its own readiness says that nothing is missing, within `patienceMs` (2,000 when absent). */
  readonly isReady: (patienceMs?: number) => Promise<boolean>
  /** Its metrics as text, null when it does not tell them. */
  readonly metrics: () => Promise<string | null>
  /** Starts it if it does not run; `environment` is for this start alone. */
  start (environment?: Readonly<Record<string, string>>): void
  /** Gives false when it did not run. */
  signal (name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): boolean
  /** Ends it in order and starts it with these variables. */
  restart (environment: Readonly<Record<string, string>>): void
  /** Kills it for good and waits until it is gone. */
  end (): Promise<void>
  /** How often it ended without a signal of ours. */
  readonly ownEnds: () => readonly OwnEnd[]
  readonly logFile: string
}

/** An end that nobody ordered; `said` is the last line of the log. */
export interface OwnEnd { readonly at: number, readonly code: number | null, readonly signal: string | null, readonly said: string }

/** After which a process that ended by itself is started again. */
export const RESTART_MS = 500
const LINE = 500

/** `args` go to node; `adminPort` is where readiness is asked for. Standard output and error go to `logFile`. */
export function createProgram (options: { name: string, args: readonly string[], adminPort: number, logFile: string }): Program {
  const { name, args, adminPort, logFile } = options
  const ownEnds: OwnEnd[] = []
  let child: ChildProcess | undefined
  let isKilled = false
  let isOver = false
  let restart: NodeJS.Timeout | undefined

  const runs = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null

  function start (environment: Readonly<Record<string, string>> = {}): void {
    clearTimeout(restart)
    if (isKilled && runs()) { child?.once('exit', () => start(environment)); return }
    if (isOver || runs()) return
    isKilled = false
    const log = openSync(logFile, 'a')
    appendFileSync(log, `${JSON.stringify({ event: 'rig_starts', at: Date.now() })}\n`)
    const started = spawn(process.execPath, [...NODE_FLAGS, ...args], { stdio: ['ignore', log, log], env: { ...process.env, ...environment } })
    closeSync(log)
    child = started
    started.once('exit', (code, signal) => {
      if (isOver || isKilled) return
      ownEnds.push({ at: Date.now(), code, signal, said: (readFileSync(logFile, 'utf8').trim().split('\n').at(-1) ?? '').slice(0, LINE) })
      restart = setTimeout(() => start(), RESTART_MS)
    })
  }

  return {
    name, logFile, start,
    pid: () => runs() ? child?.pid : undefined,
    ownEnds: () => ownEnds,
    async isReady (patienceMs = 2000) {
      if (!runs()) return false
      return await fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal: AbortSignal.timeout(patienceMs) }).then(response => response.status === 200, () => false)
    },
    metrics: async () => await fetch(`http://127.0.0.1:${adminPort}/metrics`, { signal: AbortSignal.timeout(5000) }).then(response => response.text(), () => null),
    signal (signal) {
      if (!runs()) return false
      if (signal === 'SIGKILL') isKilled = true
      return child?.kill(signal) === true
    },
    restart (environment) {
      isKilled = true
      if (runs()) child?.kill('SIGTERM')
      start(environment)
    },
    async end () {
      isOver = true
      clearTimeout(restart)
      if (!runs()) return
      const gone = new Promise(resolve => child?.once('exit', resolve))
      child?.kill('SIGKILL')
      await gone
    }
  }
}
