import type { Acting } from './acting.ts'
import { runBatch } from './batch.ts'
import { needScope } from './caller.ts'
import type { Caller } from './caller.ts'
import type { PortalSettings } from './config.ts'
import type { Faults, Occasion } from './faults.ts'
import type { Page, Params } from './params.ts'
import type { Journal } from './journal.ts'
import type { Operating } from './limits.ts'
import { needSight } from './methods.ts'
import type { Method, Sight } from './methods.ts'
import { WRITES } from './oracle.ts'
import { RestError, methodBlocked } from './rest-error.ts'
import { targetOf } from './targets.ts'
import { isoInZone } from './zone.ts'

/** A request that passed the door. `expired` becomes true when the portal's time for one request is over. */
export interface Call { readonly id: string, readonly method: string, readonly params: Params, readonly caller: Caller, readonly occasion: Occasion, expired: boolean }
export interface Answer { readonly status: number, readonly body: Record<string, unknown>, readonly error?: string, readonly failed?: { command: string, error: string }[] }
export interface CommandDeps {
  readonly settings: PortalSettings
  readonly methods: () => Record<string, Method>
  readonly sight: Sight
  readonly faults: Faults
  readonly journal: Journal
  readonly operating: Operating
  readonly acting: Acting
  readonly now: () => number
  readonly pause: (ms: number) => Promise<void>
  readonly count: (what: 'throttled' | 'commands' | 'batches') => void
  /** After a read: people of a fault may change what was read. */
  readonly wasRead: (occasion: Occasion, page: Page) => void
}
/** The portal gives up in the middle: the connection is cut, what was done stays. */
export class CutConnection extends Error {}

/** Runs the one method of a call, or its batch. */
export function createCommands (deps: CommandDeps): (call: Call) => Promise<Answer> {
  const { settings, faults, journal, operating, now } = deps
  const charges = (method: string, nested: boolean): boolean => nested ? settings.switches.operating_of !== 'batch' : method !== 'batch' || settings.switches.operating_of !== 'nested'
  const keyOf = (call: Call): string => settings.switches.operating_shared ? 'everybody' : call.caller.key
  const seconds = (start: number): number => Math.max(now() - start, settings.switches.operating_floor_ms) / 1000

  function timeOf (start: number, fields: object): Record<string, unknown> {
    const took = (now() - start) / 1000
    return { start: start / 1000, finish: now() / 1000, duration: took, processing: took, date_start: isoInZone(start, settings.zone), date_finish: isoInZone(now(), settings.zone), ...fields }
  }

  /** Throws what the portal answers as an error. */
  async function perform (call: Call, { name, params, command }: { name: string, params: Params, command: string | undefined }): Promise<Page> {
    const method = deps.methods()[name]
    if (method === undefined) throw new RestError('ERROR_METHOD_NOT_FOUND', 'Method not found!', 404)
    needScope(call.caller, name)
    if (operating.blocked(keyOf(call), name, settings.limits.operating_seconds)) throw methodBlocked()
    if (settings.command_ms > 0) await deps.pause(settings.command_ms)
    if (call.expired && !settings.switches.cut_commits) throw new CutConnection()
    const occasion = { methods: [name], text: JSON.stringify(params) }
    const failing = faults.strike('write', occasion, ['command_fails'])
    if (failing !== undefined) throw new RestError(failing.code ?? 'ERROR_CORE', 'The command failed')
    if (faults.strike('limit', occasion, ['operating']) !== undefined) throw methodBlocked()
    needSight(deps.sight, name, targetOf(name, params).dealId)
    const { caller } = call
    const by = { by: 'rest', userId: caller.userId, request: call.id, connector: caller.connector, ...(caller.kind === 'app' ? { client: caller.clientId } : {}), ...(command === undefined ? {} : { command }) } as const
    const page = deps.acting.as(by, () => method(params, caller))
    if (WRITES.test(name)) journal.write(settings.name, { kind: 'applied', request: call.id, ...(command === undefined ? {} : { command }), ...targetOf(name, params, page) })
    else deps.wasRead(occasion, page)
    return page
  }

  async function run (call: Call, { method, params, command }: { method: string, params: Params, command?: string }): Promise<{ page: Page, time: Record<string, unknown> } | { error: RestError }> {
    deps.count('commands')
    const name = method.toLowerCase()
    const start = now()
    try {
      const page = await perform(call, { name, params, command })
      const charged = charges(name, command !== undefined)
      if (charged) operating.charge(keyOf(call), name, seconds(start))
      const shows = command === undefined || settings.switches.batch_operating_fields
      return { page, time: timeOf(start, shows ? operating.fields(keyOf(call), name) : {}) }
    } catch (error) {
      if (error instanceof CutConnection) throw error
      const refusal = error instanceof RestError ? error : new RestError('INTERNAL_SERVER_ERROR', 'Internal server error', 500)
      if (refusal.code === 'OPERATION_TIME_LIMIT') deps.count('throttled')
      return { error: refusal }
    }
  }

  async function batch (call: Call): Promise<Answer> {
    const start = now()
    deps.count('batches')
    if (operating.blocked(keyOf(call), 'batch', settings.limits.operating_seconds)) { deps.count('throttled'); return refusal(methodBlocked()) }
    const cut = faults.strike('write', call.occasion, ['batch_cut'])
    const stops = (done: number): boolean => (cut !== undefined && done >= (cut.after ?? 25)) || (call.expired && !settings.switches.cut_commits)
    const result = await runBatch(call.params, command => run(call, command), stops)
    if (cut !== undefined) throw new CutConnection()
    if (charges('batch', false)) operating.charge(keyOf(call), 'batch', seconds(start))
    const errors = result['result_error'] ?? {}
    const failed = Object.entries(errors).map(([command, said]) => ({ command, error: (said as { error: string }).error }))
    return { status: 200, body: { result, time: timeOf(start, charges('batch', false) ? operating.fields(keyOf(call), 'batch') : {}) }, ...(failed.length === 0 ? {} : { failed }) }
  }

  return async (call) => {
    if (call.method === 'batch') return await batch(call)
    const ran = await run(call, { method: call.method, params: call.params })
    return 'error' in ran ? refusal(ran.error) : { status: 200, body: { ...ran.page, time: ran.time } }
  }
}

const refusal = (error: RestError): Answer => ({ status: error.status, body: { error: error.code, error_description: error.message }, error: error.code })
