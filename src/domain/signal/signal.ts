/** What a portal, a robot or a person said may have happened to a deal. Only a hint: the state is always read back. */
export type SignalKind = 'added' | 'updated' | 'moved' | 'deleted' | 'unknown'

/** How the signal came to us. */
export type SignalChannel = 'webhook' | 'robot' | 'api' | 'sweep' | 'offline' | 'operator' | 'backfill'

/** What an operator wants done with a parked deal; empty for every other signal. */
export type SignalOrder = '' | 'release' | 'skip' | 'hold' | 'edit'

/** What every event of the log carries. Times are milliseconds since 1970, UTC. */
export interface EventHead {
  readonly eventId: string
  readonly correlationId: string
  readonly causationId: string | null
  readonly occurredAt: number
  readonly portal: string
  readonly dealId: string
}

/**
 * "Deal X of portal P may have changed." Key of the record: `<portal>:<dealId>`.
 *
 * `payload` is the allow-listed rest of the webhook as JSON, without any token, `payloadHash` the SHA-256 over
 * portal, event, deal and ts. `repeat` marks the second of two webhooks that look the same: `ts` counts seconds, so
 * it may stand for a change of its own.
 */
export interface DealChangeSignalled extends EventHead {
  readonly type: 'DealChangeSignalled'
  readonly kind: SignalKind
  readonly channel: SignalChannel
  readonly receivedAt: number
  readonly payload: string
  readonly payloadHash: string
  readonly repeat: boolean
  /** Absent means none: signals of before this field, and those that no operator sent. */
  readonly order?: SignalOrder
  /** With the order `edit`: the given fields of the target as JSON text. Absent or empty means none. */
  readonly edit?: string
  /** The hash of the source state that the edit is for. */
  readonly editOf?: string
}
