import { needApp } from './caller.ts'
import type { Caller } from './caller.ts'
import { lowered } from './event-methods.ts'
import type { CallerMethod } from './event-methods.ts'
import type { Page, Params } from './params.ts'
import type { Offline, OfflineEvent } from './offline.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'
import { isoInZone } from './zone.ts'

const PAGE = 50

/** `event.offline.get`, `.list`, `.clear`, `.error`. **`clear` of `get` is 1 by default: what is read is gone.** */
export function offlineMethods (settings: { zone: string }, offline: Offline): Record<string, CallerMethod> {
  const shown = (event: OfflineEvent): Record<string, unknown> => ({
    ID: String(event.id), TIMESTAMP_X: isoInZone(event.at, settings.zone), EVENT_NAME: event.event, EVENT_DATA: event.data,
    EVENT_ADDITIONAL: event.userId === null ? false : { user_id: String(event.userId) }, MESSAGE_ID: event.message
  })
  const methods: Record<string, CallerMethod> = {
    'event.offline.get': (params, caller) => {
      const limit = Number(params['limit'] ?? PAGE)
      if (!(limit > 0)) throw new RestError('ERROR_ARGUMENT', 'Value must be positive integer')
      const clear = Number(params['clear'] ?? 1) !== 0
      const given = params['process_id'] === undefined ? undefined : asText(params['process_id'])
      const wanted = sorted(offline.of(caller).filter(event => event.process === (given ?? '') && event.error === (Number(params['error'] ?? 0) === 1) && passes(event, params['filter'])), params['order']).slice(0, limit)
      const process = given ?? (wanted.length > 0 ? offline.reserve(wanted) : '')
      if (clear) offline.drop(wanted)
      return { result: { process_id: (clear && given === undefined) || process === '' ? null : process, events: wanted.map(shown) } }
    },
    'event.offline.list': (params, caller) => {
      const start = Number(params['start'] ?? 0)
      const all = sorted(offline.of(caller).filter(event => passes(event, params['filter'])), params['order'])
      const result = all.slice(start, start + PAGE).map(event => ({ ...shown(event), PROCESS_ID: event.process, ERROR: event.error ? '1' : '0' }))
      return { result, total: all.length, ...(start + PAGE < all.length ? { next: start + PAGE } : {}) }
    },
    'event.offline.clear': (params, caller) => {
      const messages = params['message_id'] === undefined ? undefined : messagesIn(params)
      const ids = Array.isArray(params['id']) ? params['id'].map(Number) : undefined
      offline.drop(reserved(offline, params, caller).filter(event => messages === undefined ? ids?.includes(event.id) ?? true : messages.includes(event.message)))
      return { result: true }
    },
    'event.offline.error': (params, caller) => {
      const messages = messagesIn(params)
      // A failed record waits, outside its process, for a reader that asks for errors.
      for (const event of reserved(offline, params, caller)) if (messages.includes(event.message)) Object.assign(event, { error: true, process: '' })
      return { result: true }
    }
  }
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, (params: Params, caller: Caller): Page => { needApp(caller); return method(lowered(params), caller) }]))
}

function reserved (offline: Offline, params: Params, caller: Caller): OfflineEvent[] {
  const process = asText(params['process_id'])
  if (process === '') throw new RestError('ERROR_ARGUMENT', 'Argument \'PROCESS_ID\' is null or empty')
  return offline.of(caller).filter(event => event.process === process)
}

function messagesIn (params: Params): string[] {
  const messages: unknown = params['message_id']
  if (!Array.isArray(messages) || messages.some(message => asText(message).length !== 32)) throw new RestError('ERROR_ARGUMENT', 'Value must be array of MESSAGE_ID values')
  return messages.map(asText)
}

const fields: Record<string, (event: OfflineEvent) => string | number> = {
  ID: event => event.id, TIMESTAMP_X: event => event.at, EVENT_NAME: event => event.event, MESSAGE_ID: event => event.message, PROCESS_ID: event => event.process, ERROR: event => Number(event.error)
}

function passes (event: OfflineEvent, filter: unknown): boolean {
  return Object.entries(typeof filter === 'object' && filter !== null ? filter : {}).every(([key, value]) => {
    const field = fields[key.replace(/^=/, '')]
    return field === undefined || asText(field(event)) === asText(value)
  })
}

function sorted (events: OfflineEvent[], order: unknown): OfflineEvent[] {
  const [name, way] = Object.entries(typeof order === 'object' && order !== null ? order as Record<string, unknown> : {})[0] ?? ['ID', 'ASC']
  const field = fields[name] ?? (event => event.id)
  const sign = String(way).toUpperCase() === 'DESC' ? -1 : 1
  return events.toSorted((a, b) => { const [x, y] = [field(a), field(b)]; return (x < y ? -1 : x > y ? 1 : a.id - b.id) * sign })
}
