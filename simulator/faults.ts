export type FaultWhere = 'webhook' | 'answer' | 'write' | 'limit' | 'auth' | 'oauth' | 'data'
export const faultModes = {
  webhook: ['drop', 'twice', 'late', 'reordered', 'burst', 'replayed', 'extra_keys', 'missing_keys', 'wrong_token', 'foreign_member', 'foreign_domain', 'internal_endpoint'],
  answer: ['503', '429', '500', '502', '504', '413', 'html200', 'malformed', 'truncated', 'empty', 'slow', 'slow_body', 'none'],
  write: ['lost', 'error_done', 'cut', 'late', 'batch_cut', 'command_fails'],
  limit: ['full', 'operating', 'overload', 'foreign'],
  auth: ['expired_token', 'no_auth', 'invalid_credentials', 'insufficient_scope', 'plan_ended', 'portal_deleted', 'redirect'],
  oauth: ['invalid_grant', 'invalid_client', 'wrong_client', 'payment_required', 'not_installed', '500', 'lost'],
  data: ['vanish', 'merged', 'saved_again', 'changed_after_read']
} as const satisfies Record<FaultWhere, readonly string[]>

/** A scripted misbehaviour and its aim; with no aim it hits everything of its `where` until cleared. */
export interface FaultSpec {
  where: FaultWhere
  mode: string
  /** Method (a batch matches by its commands too), or event name for webhooks and data. */
  method?: string
  /** Text in the parameters or the body. */
  contains?: string
  /** Only the n-th match, from 1. */
  nth?: number
  probability?: number
  /** How often it may strike. */
  times?: number
  /** Delay of `late`, `slow` and `slow_body`; how long `reordered` and `burst` collect; when `replayed` comes again. */
  ms?: number
  /** Status of `error_done`: 500 (JSON), 502 or 504 (HTML). */
  status?: number
  /** Requests that a `foreign` client of the same address makes just before this one. */
  requests?: number
  /** Where `redirect` leads to: scheme, host and port. */
  to?: string
  /** What a person saves in `saved_again` and `changed_after_read`; another title when absent. */
  fields?: Record<string, unknown>
  /** Code of a `command_fails`, ERROR_CORE when absent. */
  code?: string
  /** Commands a `batch_cut` lets through. */
  after?: number
}
/** What is about to happen: `methods` it is known by and its `text`. */
export interface Occasion { methods: string[], text: string }
export interface Faults {
  add: (spec: FaultSpec) => string
  /** Gives how often the fault had struck; 0 for one that is not there. */
  remove: (id: string) => number
  clear: () => void
  strike: (where: FaultWhere, occasion: Occasion, modes?: readonly string[]) => FaultSpec | undefined
}

/** Faults of one portal; `chance` gives [0, 1) from the run's seed, so a run can be repeated. */
export function createFaults (chance: () => number): Faults {
  const active = new Map<string, { spec: FaultSpec, matches: number, strikes: number }>()
  let next = 1
  return {
    add: (spec) => {
      const known: readonly string[] | undefined = Object.hasOwn(faultModes, spec.where) ? faultModes[spec.where] : undefined
      if (known === undefined) throw new Error(`unknown fault place ${JSON.stringify(spec.where)}: one of ${Object.keys(faultModes).join(', ')}`)
      if (!known.includes(String(spec.mode))) throw new Error(`unknown ${spec.where} fault ${JSON.stringify(spec.mode)}: one of ${known.join(', ')}`)
      const id = `fault-${next++}`
      active.set(id, { spec: { ...spec, mode: String(spec.mode) }, matches: 0, strikes: 0 })
      return id
    },
    remove: (id) => {
      const strikes = active.get(id)?.strikes ?? 0
      active.delete(id)
      return strikes
    },
    clear: () => { active.clear() },
    strike: (where, occasion, modes) => {
      for (const fault of active.values()) {
        const { spec } = fault
        if (spec.where !== where || (modes !== undefined && !modes.includes(spec.mode)) || !aims(spec, occasion)) continue
        fault.matches += 1
        if (spec.nth !== undefined && fault.matches !== spec.nth) continue
        if (spec.times !== undefined && fault.strikes >= spec.times) continue
        if (spec.probability !== undefined && chance() >= spec.probability) continue
        fault.strikes += 1
        return spec
      }
      return undefined
    }
  }
}

function aims (spec: FaultSpec, occasion: Occasion): boolean {
  const method = spec.method?.toLowerCase()
  return (method === undefined || occasion.methods.some(name => name.toLowerCase() === method))
    && (spec.contains === undefined || occasion.text.includes(spec.contains))
}

/** Mulberry32: small, fast, and the same numbers for the same seed everywhere. */
export function seededChance (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
