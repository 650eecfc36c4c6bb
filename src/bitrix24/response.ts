import { z } from 'zod'
import { classifyError } from '../domain/transfer/failure.ts'
import type { Failure } from '../domain/transfer/failure.ts'
import type { Reply } from '../platform/outgoing.ts'

// Told beside the answer, so it never spoils one: PHP writes an empty map as [], and a box leaves numbers out.
const number = z.number().optional().catch(undefined)
const time = z.looseObject({ start: number, finish: number, operating: number, operating_reset_at: number }).optional().catch(undefined)
const failed = z.looseObject({ error: z.union([z.string(), z.number()]), error_description: z.string().catch('') })
const envelope = z.looseObject({ result: z.unknown(), total: z.number().int().nonnegative().optional().catch(undefined), time })
// PHP writes an empty map as [].
const map = <T extends z.ZodType>(value: T): z.ZodType<Record<string, z.infer<T>>> =>
  z.union([z.array(z.unknown()).transform(items => ({ ...items }) as never), z.record(z.string(), value)])
const batchResult = z.looseObject({ result: map(z.unknown()), result_error: map(z.unknown()), result_time: map(time).optional().catch(undefined) })

/** Method time as told by an answer: seconds used in the window, in how many ms after the answer the oldest part of it leaves, and how long this call ran. */
export interface MethodTime { readonly operating: number, readonly resetInMs: number | null, readonly tookMs: number | null }

/** A whole answer of a portal. `portalNow` is the portal's own clock at the start of the request (ms), null if untold; `total` stands in lists alone. */
export type Answer =
  | { readonly kind: 'ok', readonly result: unknown, readonly portalNow: number | null, readonly time: MethodTime | null, readonly total?: number }
  | { readonly kind: 'failed', readonly failure: Failure }

/** The fate of one command of a batch; `none` when the answer does not name it: not executed, or unknown. */
export type Fate = { readonly kind: 'ok', readonly result: unknown, readonly time: MethodTime | null } | { readonly kind: 'failed', readonly failure: Failure } | { readonly kind: 'none' }

// Retry-After is outside input: "0" would ask again at once and for ever, a large one would wait for years.
const SHORTEST_WAIT_MS = 500
const LONGEST_WAIT_MS = 600_000

/** Reads a reply; whatever is not a portal's JSON is a failure: HTML with 200, a cut body, a foreign shape. */
export function readReply (reply: Reply, intent: 'read' | 'write'): Answer {
  const lost = (detail: string): Answer => ({ kind: 'failed', failure: { class: intent === 'write' ? 'unknown' : 'transient', code: 'no_answer', detail } })
  if (reply.kind === 'unsent') return { kind: 'failed', failure: { class: 'unsent', code: 'not_reached', detail: `The portal could not be reached: ${reply.detail}` } }
  if (reply.kind === 'broken') return lost(`The portal gave no whole answer: ${reply.detail}`)
  const json = parseJson(reply.text)
  const error = failed.safeParse(json)
  if (error.success) return { kind: 'failed', failure: judge(reply, String(error.data.error), error.data.error_description, intent) }
  if (reply.status !== 200) return { kind: 'failed', failure: judge(reply, '', `HTTP ${reply.status}`, intent) }
  const good = envelope.safeParse(json)
  if (!good.success) return lost('The portal answered 200 with something that is not its JSON.')
  const { start } = good.data.time ?? {}
  const { total } = good.data
  return { kind: 'ok', result: good.data.result, portalNow: start === undefined ? null : Math.floor(start * 1000), time: methodTime(good.data.time), ...total === undefined ? {} : { total } }
}

function judge (reply: Extract<Reply, { kind: 'answer' }>, code: string, description: string, intent: 'read' | 'write'): Failure {
  const failure = classifyError(reply.status, code, description)
  const waited = reply.retryAfterMs === null ? failure : { ...failure, waitMs: Math.min(Math.max(reply.retryAfterMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS) }
  return hidingEffect(waited, intent)
}

/** An error of the server itself may hide an effect. */
function hidingEffect (failure: Failure, intent: 'read' | 'write'): Failure {
  return failure.class === 'transient' && intent === 'write' ? { ...failure, class: 'unknown' } : failure
}

/** The fates of a batch's commands by key, or undefined when the result has not a batch's shape. */
export function readBatch (result: unknown, intent: 'read' | 'write'): ((key: string) => Fate) | undefined {
  const parsed = batchResult.safeParse(result)
  if (!parsed.success) return undefined
  const { result: good, result_error: bad, result_time: times } = parsed.data
  return (key) => {
    if (Object.hasOwn(bad, key)) {
      const error = failed.safeParse(bad[key])
      const failure = error.success ? classifyError(null, String(error.data.error), error.data.error_description) : classifyError(null, '', String(bad[key]))
      return { kind: 'failed', failure: hidingEffect(failure, intent) }
    }
    return Object.hasOwn(good, key) ? { kind: 'ok', result: good[key], time: methodTime(times?.[key]) } : { kind: 'none' }
  }
}

function methodTime (told: z.infer<typeof time> | undefined): MethodTime | null {
  if (told?.operating === undefined) return null
  const { operating, operating_reset_at: reset, start, finish = start } = told
  // Both moments are the portal's own, so its clock may differ from ours.
  return { operating, resetInMs: reset === undefined || finish === undefined ? null : reset * 1000 - finish * 1000, tookMs: start === undefined || finish === undefined ? null : Math.max(0, (finish - start) * 1000) }
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
