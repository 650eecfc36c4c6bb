import type { DomainEvent } from './port.ts'

/**
 * Brings a decoded record to the newest shape of its event. Runs in every reader, live or replay.
 * Signals of before version 2 carry no operator's order, those of before version 3 no edit, successes of before version 2 no records; offsets get their type.
 */
export function upcast (name: string, value: Readonly<Record<string, unknown>>): DomainEvent {
  const { coveredOffset, ...rest } = value
  const order = name === 'DealChangeSignalled' ? { order: rest['order'] ?? '', edit: rest['edit'] ?? '', editOf: rest['editOf'] ?? '' } : {}
  // The codec gives records within records a class of its own.
  const carried = name === 'TransferSucceeded' ? { carried: (rest['carried'] as object[] | undefined ?? []).map(link => ({ ...link })) } : {}
  return { ...rest, ...order, ...carried, type: name, ...(typeof coveredOffset === 'number' ? { coveredOffset: BigInt(coveredOffset) } : {}) } as unknown as DomainEvent
}
