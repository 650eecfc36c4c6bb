import pino from 'pino'
import { now } from './clock.ts'

export type Level = 'debug' | 'info' | 'warning' | 'error'

/** Fields that may stand in `details`. What is not here is not logged: a secret cannot slip in with an object. */
const ALLOWED = new Set(['source_deal_id', 'target_deal_id', 'portal', 'target', 'duration_ms', 'status', 'reason', 'code', 'action',
  'partition', 'offset', 'topic', 'count', 'tries', 'epoch', 'attempt_id', 'address', 'what', 'process', 'wait_ms', 'method', 'http_status', 'path', 'error', 'error_type', 'kind', 'origin_id', 'target_ids', 'caller'])

// Beyond this many bytes that nobody reads, lines are dropped: no request waits for a log line, and no memory fills with them.
const LARGEST_BACKLOG = 4 * 1024 * 1024
const IDS = new Set(['source_deal_id', 'target_deal_id'])

export type Details = Readonly<Record<string, string | number | boolean | bigint | null | undefined>>

/** One line per unit of work, in the specification's shape. `event` is a constant, never built from data. */
export interface Logger {
  log (level: Level, event: string, details?: Details, correlationId?: string): void
}

const LABELS: Record<number, string> = { 20: 'DEBUG', 30: 'INFO', 40: 'WARNING', 50: 'ERROR' }
const clean = (text: string): string => text

  .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ').replace(/\/rest\/[^\s]*/g, '/rest/***').slice(0, 2048)

/** An id is a number in the specification's log record; one that a number cannot hold stays text. */
function asNumber (id: string | number | boolean | bigint | null): string | number | null {
  const number = Number(id)
  return id === null || id === '' ? null : Number.isSafeInteger(number) ? number : String(id)
}

function allowed (details: Details): Record<string, string | number | boolean | null> {
  const out: Record<string, string | number | boolean | null> = {}
  for (const [name, value] of Object.entries(details)) {
    if (!ALLOWED.has(name) || value === undefined) continue
    out[name] = IDS.has(name) ? asNumber(value) : typeof value === 'string' ? clean(value) : typeof value === 'bigint' ? value.toString() : value
  }
  return out
}

/** A logger for one process of the service (`webhook_handler`, `dispatcher`, …) on standard error, or on `stream`. */
export function createLogger (service: string, level: Level = 'info', stream: pino.DestinationStream = pino.destination({ fd: 2, sync: false, maxLength: LARGEST_BACKLOG })): Logger {
  const out = pino({
    level: level === 'warning' ? 'warn' : level,
    base: null,
    messageKey: 'message',
    timestamp: () => `,"timestamp":"${new Date(now()).toISOString()}"`,
    formatters: { level: (_label, number) => ({ level: LABELS[number] ?? 'INFO' }) }
  }, stream)
  return {
    log (at, event, details = {}, correlationId) {
      const method = at === 'warning' ? 'warn' : at
      if (!out.isLevelEnabled(method)) return
      out[method]({ service, event, correlation_id: correlationId ?? null, details: allowed(details) })
    }
  }
}

/** The message of anything thrown, cut and freed of control characters; never a stack, never another object. */
export function messageOf (error: unknown): string {
  return clean(error instanceof Error ? error.message : String(error))
}
