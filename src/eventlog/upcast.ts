import type { DomainEvent } from './port.ts'

/**
 * Brings a decoded record to the newest shape of its event. Runs in every reader, live or replay.
 * Signals of before version 2 carry no operator's order; offsets get their type.
 */
export function upcast (name: string, value: Readonly<Record<string, unknown>>): DomainEvent {
  const { coveredOffset, ...rest } = value
  const order = name === 'DealChangeSignalled' ? { order: rest['order'] ?? '' } : {}
  return { ...rest, ...order, type: name, ...(typeof coveredOffset === 'number' ? { coveredOffset: BigInt(coveredOffset) } : {}) } as unknown as DomainEvent
}
