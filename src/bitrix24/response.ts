import { z } from 'zod'
import { classifyError } from '../domain/transfer/failure.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { Reply } from '../platform/outgoing.ts'

const time = z.looseObject({ start: z.number().optional(), operating: z.number().optional(), operating_reset_at: z.number().optional() })
const failed = z.looseObject({ error: z.union([z.string(), z.number()]), error_description: z.string().optional() })
const envelope = z.looseObject({ result: z.unknown(), time: time.optional() })
// PHP writes an empty map as [].
const map = <T extends z.ZodType>(value: T): z.ZodType<Record<string, z.infer<T>>> =>
  z.union([z.array(z.unknown()).transform(items => ({ ...items }) as never), z.record(z.string(), value)])
const batchResult = z.looseObject({ result: map(z.unknown()), result_error: map(z.unknown()), result_time: map(time).optional() })

/** Method time as told by an answer: seconds used in the window, and when the oldest part of it leaves (unix seconds). */
export interface MethodTime { readonly operating: number, readonly resetAt: number | null }

/** A whole answer of a portal. `portalNow` is the portal's own clock at the start of the request (ms), null if untold. */
export type Answer =
  | { readonly kind: 'ok', readonly result: unknown, readonly portalNow: number | null, readonly time: MethodTime | null }
  | { readonly kind: 'failed', readonly failure: Failure }

/** The fate of one command of a batch; `none` when the answer does not name it: not executed, or unknown. */
export type Fate = { readonly kind: 'ok', readonly result: unknown, readonly time: MethodTime | null } | { readonly kind: 'failed', readonly failure: Failure } | { readonly kind: 'none' }

/** Reads a reply; whatever is not a portal's JSON is a failure: HTML with 200, a cut body, a foreign shape. */
export function readReply (reply: Reply, intent: 'read' | 'write'): Answer {
  const lost = (detail: string): Answer => ({ kind: 'failed', failure: { class: intent === 'write' ? 'unknown' : 'transient', code: 'no_answer', detail } })
  if (reply.kind === 'unsent') return { kind: 'failed', failure: { class: 'unsent', code: 'not_reached', detail: `The portal could not be reached: ${reply.detail}` } }
  if (reply.kind === 'broken') return lost(`The portal gave no whole answer: ${reply.detail}`)
  const json = parseJson(reply.text)
  const error = failed.safeParse(json)
  if (error.success) return { kind: 'failed', failure: judge(reply, String(error.data.error), error.data.error_description ?? '', intent) }
  if (reply.status !== 200) return { kind: 'failed', failure: judge(reply, '', `HTTP ${reply.status}`, intent) }
  const good = envelope.safeParse(json)
  if (!good.success || !('result' in good.data)) return lost('The portal answered 200 with something that is not its JSON.')
  const { start } = good.data.time ?? {}
  return { kind: 'ok', result: good.data.result, portalNow: start === undefined ? null : Math.floor(start * 1000), time: methodTime(good.data.time) }
}

function judge (reply: Extract<Reply, { kind: 'answer' }>, code: string, description: string, intent: 'read' | 'write'): Failure {
  const failure = classifyError(reply.status, code, description)
  const waited = reply.retryAfterMs === null ? failure : { ...failure, waitMs: reply.retryAfterMs }
  // An error of the server itself may hide an effect.
  return waited.class === 'transient' && intent === 'write' ? { ...waited, class: 'unknown' } : waited
}

/** The fates of a batch's commands by key, or undefined when the result has not a batch's shape. */
export function readBatch (result: unknown): ((key: string) => Fate) | undefined {
  const parsed = batchResult.safeParse(result)
  if (!parsed.success) return undefined
  const { result: good, result_error: bad, result_time: times } = parsed.data
  return (key) => {
    if (Object.hasOwn(bad, key)) {
      const error = failed.safeParse(bad[key])
      return { kind: 'failed', failure: error.success ? classifyError(null, String(error.data.error), error.data.error_description ?? '') : classifyError(null, '', String(bad[key])) }
    }
    return Object.hasOwn(good, key) ? { kind: 'ok', result: good[key], time: methodTime(times?.[key]) } : { kind: 'none' }
  }
}

function methodTime (told: z.infer<typeof time> | undefined): MethodTime | null {
  return told?.operating === undefined ? null : { operating: told.operating, resetAt: told.operating_reset_at ?? null }
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
