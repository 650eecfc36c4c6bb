import type { DomainEvent } from './port.ts'

/**
 * Brings a decoded record to the newest shape of its event. Runs in every reader, live or replay.
 * Every event is at its first version, so all there is to do is to name the event and give offsets their type.
 */
export function upcast (name: string, value: Readonly<Record<string, unknown>>): DomainEvent {
  const { coveredOffset, ...rest } = value
  return { ...rest, type: name, ...(typeof coveredOffset === 'number' ? { coveredOffset: BigInt(coveredOffset) } : {}) } as unknown as DomainEvent
}
