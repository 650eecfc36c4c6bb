import type { IncomingMessage, ServerResponse } from 'node:http'
import { gateway, refuseAnswer, refuseAuth, refuseDone, spoilAnswer } from './answers.ts'
import type { Out } from './answers.ts'
import type { Caller } from './caller.ts'
import { CutConnection } from './commands.ts'
import type { Answer, Call } from './commands.ts'
import type { PortalSettings } from './config.ts'
import type { Doorman } from './doorman.ts'
import type { Faults, Occasion } from './faults.ts'
import type { Gate } from './gate.ts'
import type { Params } from './params.ts'
import type { Journal } from './journal.ts'
import type { Buckets } from './limits.ts'
import type { OAuth } from './oauth.ts'
import { answerOAuth } from './oauth-route.ts'
import { occasionOf, readRequest } from './request.ts'
import { targetsOf } from './targets.ts'

export interface RestDeps {
  readonly settings: PortalSettings
  readonly doorman: Doorman
  readonly oauth: OAuth
  readonly faults: Faults
  readonly journal: Journal
  readonly buckets: Buckets
  readonly gate: Gate
  readonly commands: (call: Call) => Promise<Answer>
  readonly count: (what: 'requests' | 'refused') => void
  readonly pause: (ms: number) => Promise<void>
}
interface Arrival { readonly request: IncomingMessage, readonly id: string, readonly method: string, readonly params: Params, readonly occasion: Occasion, readonly out: Out, readonly cut: () => void, readonly path: string }

/** Answers `/rest/{user}/{secret}/{method}`, `/rest/{method}` with a token, and `/oauth/…`. */
export function createRest (deps: RestDeps): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { settings, doorman, faults, journal, buckets, gate } = deps
  let requests = journal.last()

  /** The bucket and the record; gives whether the request may go on. */
  function enter ({ request, id, method, params, occasion, out }: Arrival): boolean {
    const address = request.socket.remoteAddress ?? ''
    const epoch = request.headers['x-dealbridge-epoch']
    const foreign = faults.strike('limit', occasion, ['foreign'])
    if (foreign !== undefined) buckets.foreign(address, foreign.requests ?? 1, settings.limits)
    if (faults.strike('limit', occasion, ['full']) !== undefined) buckets.fill(address, settings.limits.burst)
    const { accepted, level } = buckets.take(address, settings.limits, settings.switches.refused_calls_fill_bucket)
    journal.write(settings.name, { kind: 'received', request: id, method, level, ...(typeof epoch === 'string' ? { epoch } : {}), commands: targetsOf(method, params) })
    if (accepted) return true
    deps.count('refused')
    out.refuse(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests')
    return false
  }

  /** Refusals that cost no budget; gives the caller when there is none. */
  function admit ({ id, method, occasion, path, params, out }: Arrival): Caller | undefined {
    const found = doorman(path, params)
    const auth = 'caller' in found ? faults.strike('auth', occasion) : undefined
    const overload = 'caller' in found && auth === undefined && faults.strike('limit', occasion, ['overload']) !== undefined
    if ('caller' in found && auth === undefined && !overload) return found.caller
    journal.write(settings.name, { kind: 'received', request: id, method, commands: targetsOf(method, params) })
    if (auth !== undefined) refuseAuth(auth, out, path)
    else if (overload) out.refuse(503, 'OVERLOAD_LIMIT', 'REST API is blocked due to overload')
    else if (!('caller' in found)) out.send(found.status, found.body, { error: found.error })
    return undefined
  }

  /** Lets the command run, or not, and answers, or not, as the faults have it. */
  async function serve (arrival: Arrival, caller: Caller): Promise<void> {
    const { id, method, params, occasion, out, cut } = arrival
    const call: Call = { id, method, params, caller, occasion, expired: false }
    await deps.pause(settings.latency_ms / 2)
    const before = faults.strike('write', occasion, ['cut', 'late'])
    const after = faults.strike('write', occasion, ['lost', 'error_done'])
    const spoiled = faults.strike('answer', occasion)
    if (before !== undefined) {
      if (before.mode === 'late') void deps.pause(before.ms ?? 1000).then(() => deps.commands(call)).catch(() => undefined)
      return cut()
    }
    if (spoiled !== undefined && refuseAnswer(spoiled, out)) return
    const limit = setTimeout(() => { call.expired = true; gateway(out, 504) }, settings.limits.request_seconds * 1000)
    const answer = await deps.commands(call).finally(() => clearTimeout(limit))
    await deps.pause(settings.latency_ms / 2)
    if (call.expired) return
    if (after?.mode === 'lost') return cut()
    if (after !== undefined) return refuseDone(after, out)
    if (spoiled !== undefined) return await spoilAnswer(spoiled, answer.body, { out, pause: deps.pause })
    out.send(answer.status, answer.body, answer)
  }

  return async (request, response) => {
    const id = `r${++requests}`
    deps.count('requests')
    const { path, params } = await readRequest(request)
    await gate.passed()
    if (path.startsWith('/oauth/')) return answerOAuth(deps, { id, path, params, response })
    const method = /([\w.]+?)(\.json)?$/.exec(path)?.[1]?.toLowerCase() ?? ''
    const { out, cut } = outOf(deps, { id, method, request, response })
    const arrival: Arrival = { request, id, method, params, occasion: occasionOf(method, params), out, cut, path }
    const caller = admit(arrival)
    if (caller === undefined || !enter(arrival)) return
    try {
      await serve({ ...arrival, params: withoutAuth(params) }, caller)
    } catch (error) {
      if (!(error instanceof CutConnection)) throw error
      cut()
    }
  }
}

function withoutAuth (params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !['auth', 'auth_connector'].includes(name)))
}

/** The ways out of a request, each with its entry in the record; only the first one counts. */
function outOf ({ settings, journal }: RestDeps, { id, method, request, response }: { id: string, method: string, request: IncomingMessage, response: ServerResponse }): { out: Out, cut: () => void } {
  let ended = false
  const end = (entry: { kind: 'answered' | 'cut' | 'closed', status?: number, error?: string, failed?: { command: string, error: string }[] }): boolean => {
    if (ended) return false
    ended = true
    journal.write(settings.name, { request: id, method, ...entry })
    return true
  }
  response.once('close', () => end({ kind: 'closed' }))
  const send: Out['send'] = (status, content, extra: Parameters<Out['send']>[2] & { failed?: { command: string, error: string }[] } = {}) => {
    const { type = 'application/json', error, headers, failed } = extra
    if (!end({ kind: 'answered', status, ...(error === undefined ? {} : { error }), ...(failed === undefined ? {} : { failed }) })) return
    response.writeHead(status, { 'content-type': type, ...headers }).end(typeof content === 'string' ? content : JSON.stringify(content))
  }
  return {
    cut: () => { if (end({ kind: 'cut' })) request.socket.destroy() },
    out: {
      send,
      refuse: (status, error, description) => send(status, { error, error_description: description }, { error }),
      dribble: async (content, ms) => {
        const text = JSON.stringify(content)
        response.writeHead(200, { 'content-type': 'application/json' }).write(text.slice(0, text.length / 2))
        await new Promise(resolve => setTimeout(resolve, ms))
        if (end({ kind: 'answered', status: 200 })) response.end(text.slice(text.length / 2))
      }
    }
  }
}
