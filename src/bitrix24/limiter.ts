// One budget per (portal, egress address), shared by any number of processes.
// Promises: the portal's bucket never overflows by our doing. Does not promise: a slot at once, nor that another program on the
// same address costs no refusal: the rate is lowered then (pace.ts). Breaks it: more processes than `processes`, a request
// under way for more than five seconds. Watched by limiter.int.test.ts and test/faults/limiter-seeds.ts, which plant bugs.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { monotonicMs } from '../platform/clock.ts'
import { messageOf } from '../platform/logger.ts'
import type { Redis } from '../platform/redis.ts'
import { createPace } from './pace.ts'

export interface Limits { readonly per_second: number, readonly burst: number }

/** A reserved request whose time has come: send it not after `notAfter` (monotonic ms); unused it is lost. */
export interface Slot { readonly notAfter: number }

export interface Limiter {
  /** Waits until a request may be sent; rejects when `signal` is aborted. */
  slot (signal: AbortSignal): Promise<Slot>
  /** Tells that the portal answered "too many requests": the bucket counts as full for `pauseMs`. */
  refused (pauseMs: number): Promise<void>
  /** Takes nothing: the budget becomes known, and what this process knows of it stays fresh. */
  beat (): Promise<void>
  /** `shared` while Redis answers, `local` while the small local bucket is in use. */
  mode (): 'shared' | 'local'
}

const SCRIPT = readFileSync(new URL('./limiter.lua', import.meta.url), 'utf8')
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')
/** The longest wait of a reservation, the same for every process that shares a budget. */
export const MAX_WAIT_MS = 2000
/** How long after its time a slot may still be used. */
export const LATE_MS = 4300
const SHARED_PART = 0.97
const BUNCHING_S = 5.7
const LOCAL_PART = 1 - SHARED_PART

export interface Budget { readonly intervalUs: number, readonly depth: number, readonly localIntervalMs: number }

/**
 * What a process makes of a portal's limits. The depth leaves room for requests that bunch on their way; the local bucket is
 * this process's part of the rate that the shared one leaves, and one request deep.
 */
export function budgetOf (limits: Limits, processes: number, part = 1): Budget {
  return {
    intervalUs: Math.ceil(1e6 / (limits.per_second * SHARED_PART * part)),
    depth: Math.max(1, Math.floor(limits.burst - limits.per_second * BUNCHING_S - 2 * processes)),
    localIntervalMs: processes * 1000 / (limits.per_second * LOCAL_PART)
  }
}

interface Shadow { readonly n: number, readonly nowUs: number, readonly at: number }
type ScriptReply = [granted: number, waitUs: number, level: number, n: number, nowUs: number, doubt: string]

/** Makes the limiter of one portal. `processes` is how many processes may share the budget. */
export function createLimiter (redis: Redis, options: { portal: string, address: string, limits: Limits, processes?: number }): Limiter {
  const { limits, processes = 4 } = options
  const key = bucketKey(options)
  const pace = createPace(monotonicMs)
  const { localIntervalMs } = budgetOf(limits, processes)
  let shadow: Shadow | undefined
  let localFree = monotonicMs() + localIntervalMs
  let lastMode: 'shared' | 'local' = 'shared'

  async function call (cost: number, pauseMs: number): Promise<ScriptReply> {
    const told = shadow === undefined ? '' : `${shadow.n}:${shadow.nowUs}:${Math.round((monotonicMs() - shadow.at) * 1000)}`
    const { intervalUs, depth } = budgetOf(limits, processes, pace.part())
    const reply = await run(redis, [key, intervalUs, depth, cost, MAX_WAIT_MS * 1000, MAX_WAIT_MS * 1000, pauseMs * 1000, told])
    shadow = { n: reply[3], nowUs: reply[4], at: monotonicMs() }
    return reply
  }

  async function slot (signal: AbortSignal): Promise<Slot> {
    for (;;) {
      signal.throwIfAborted()
      const asked = monotonicMs()
      const reply = await call(1, 0).catch(() => undefined)
      lastMode = reply === undefined ? 'local' : 'shared'
      if (reply === undefined) {
        const local = takeLocal()
        if (local !== undefined) return local
        await wait(250, signal)
        continue
      }
      const waitMs = reply[1] / 1000
      if (reply[0] === 1) {
        await wait(waitMs, signal)
        return { notAfter: asked + waitMs + LATE_MS }
      }
      await wait(Math.max(5, waitMs - MAX_WAIT_MS), signal)
    }
  }

  function takeLocal (): Slot | undefined {
    const at = monotonicMs()
    if (at < localFree) return undefined
    localFree = at + localIntervalMs
    return { notAfter: at + LATE_MS }
  }

  return {
    slot,
    refused: async (pauseMs) => { pace.refused(); await call(0, Math.max(1, Math.round(pauseMs))).catch(() => undefined) },
    beat: async () => { await call(0, 0).catch(() => undefined) },
    mode: () => lastMode
  }
}

/** The one key in Redis of a budget. */
export function bucketKey ({ portal, address }: { readonly portal: string, readonly address: string }): string {
  return `limit:{${portal}|${address}}`
}

/** Calls the script by its hash; a Redis that does not know it has run nothing, so it may be sent whole then. */
async function run (redis: Redis, args: [key: string, ...(string | number)[]]): Promise<ScriptReply> {
  try {
    return await redis.evalsha(SCRIPT_SHA, 1, ...args) as ScriptReply
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return await redis.eval(SCRIPT, 1, ...args) as ScriptReply
  }
}

function wait (ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const done = (): void => { clearTimeout(timer); reject(new Error('stopped while waiting for a slot of the budget')) }
    const timer = setTimeout(() => { signal.removeEventListener('abort', done); resolve() }, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
