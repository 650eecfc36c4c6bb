import { randomBytes } from 'node:crypto'
import type { Actor } from './acting.ts'
import type { Bindings } from './bindings.ts'

/** One record of the offline queue. `process` is empty until a reader reserves it. */
export interface OfflineEvent { id: number, at: number, clientId: string, connector: string, event: string, data: Record<string, unknown>, userId: number | null, message: string, process: string, error: boolean }
/** Whose records a reader means: those of its app and its connector. */
export interface Reader { clientId: string, connector: string }
/** The offline queue: one record for each object and event, the latest change only; a reserved record is left as it is. */
export interface Offline {
  record: (event: string, data: Record<string, unknown>, actor: Actor) => void
  of: (reader: Reader) => OfflineEvent[]
  reserve: (events: OfflineEvent[]) => string
  drop: (events: OfflineEvent[]) => void
  dump: () => unknown
  load: (state: unknown) => void
}

export function createOffline (bindings: Bindings, now: () => number): Offline {
  let queue: OfflineEvent[] = []
  let next = 1
  const secret = (): string => randomBytes(16).toString('hex')
  return {
    record: (event, data, actor) => {
      for (const { clientId, connector } of bindings.all().filter(binding => binding.offline && binding.event === event)) {
        // An app does not hear of its own writes when it names the same connector in both places.
        if (connector !== '' && actor.client === clientId && actor.connector === connector) continue
        const object = JSON.stringify(data)
        queue = queue.filter(old => !(old.process === '' && !old.error && old.clientId === clientId && old.connector === connector && old.event === event && JSON.stringify(old.data) === object))
        queue.push({ id: next++, at: now(), clientId, connector, event, data, userId: actor.by === 'robot' ? null : actor.userId, message: secret(), process: '', error: false })
      }
    },
    of: ({ clientId, connector }) => queue.filter(event => event.clientId === clientId && event.connector === connector),
    reserve: (events) => {
      const process = secret()
      for (const event of events) event.process = process
      return process
    },
    drop: (events) => { queue = queue.filter(event => !events.includes(event)) },
    dump: () => ({ queue, next }),
    load: (state) => { ({ queue, next } = state as { queue: OfflineEvent[], next: number }) }
  }
}
