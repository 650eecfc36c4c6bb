import { hash } from 'node:crypto'
import { dealKey } from '../domain/shared/ids.ts'
import type { DealChangeSignalled, SignalChannel } from '../domain/signal/signal.ts'
import { uuidv7 } from '../platform/clock.ts'
import { failpoint } from '../platform/failpoint.ts'
import type { Accept } from './accept.ts'
import type { Dedup } from './dedup.ts'
import type { Status } from './telemetry.ts'
import type { Hint } from './translate.ts'

/** `offset`: where the signal stands in its partition, null when nothing was appended or the place is not known yet. */
export type Taken = { readonly status: Status, readonly offset: bigint | null, readonly correlationId: string } | { readonly status: 'unavailable', readonly correlationId: string }

/** Hands one hint of an authorised caller over to the log; the answer is only given when it is there for good. */
export type Intake = (from: { portal: string, channel: SignalChannel, hint: Hint, receivedAt: number }) => Promise<Taken>

/** A portal without a route is `skipped`, before anything is asked or written. */
export function createIntake (options: { accept: Accept, dedup: Dedup, hasRoute: (portal: string) => boolean }): Intake {
  const { accept, dedup, hasRoute } = options
  return async (from) => {
    const correlationId = uuidv7()
    if (!hasRoute(from.portal)) return { status: 'skipped', offset: null, correlationId }
    const event = signalOf(from, correlationId)
    const seen = await look(dedup, event)
    if (seen.status === 'counted') return { status: 'duplicate', offset: null, correlationId }
    const accepted = await accept(seen.status === 'repeat' ? { ...event, repeat: true } : event)
    seen.settle(accepted.status === 'kept')
    failpoint('K3')
    if (accepted.status === 'refused') return { status: 'unavailable', correlationId }
    return { status: seen.status === 'first' ? 'success' : 'duplicate', offset: accepted.offset, correlationId }
  }
}

function look (dedup: Dedup, event: DealChangeSignalled): ReturnType<Dedup['look']> {
  const key = dealKey(event.portal, event.dealId)
  if (event.channel === 'robot') return dedup.lookRobot(key, event.receivedAt)
  // A person or a program that asks for a transfer means it, however often.
  if (event.channel === 'api') return Promise.resolve({ status: 'first', settle () {} })
  return dedup.look(event.payloadHash, key, event.receivedAt)
}

function signalOf (from: Parameters<Intake>[0], correlationId: string): DealChangeSignalled {
  const { portal, channel, hint, receivedAt } = from
  return {
    type: 'DealChangeSignalled',
    eventId: uuidv7(),
    correlationId,
    causationId: null,
    occurredAt: receivedAt,
    receivedAt,
    portal,
    dealId: hint.dealId,
    kind: hint.kind,
    channel,
    payload: hint.payload,
    // ts comes last, being the only part that may hold a line break: no two webhooks give the same text.
    payloadHash: hash('sha256', `${portal}\n${hint.event}\n${hint.dealId}\n${hint.ts}`),
    repeat: false
  }
}
