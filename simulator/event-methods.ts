import type { Bindings } from './bindings.ts'
import { needApp } from './caller.ts'
import type { Caller } from './caller.ts'
import { BINDABLE } from './event-names.ts'
import type { Page, Params } from './params.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'

export type CallerMethod = (params: Params, caller: Caller) => Page
/** What `event.test` sends goes out through here. */
export type Tell = (clientId: string, event: string, data: Record<string, unknown>) => void

/** `event.bind`, `event.get`, `event.unbind`, `event.test`: for apps alone. Parameter names in any case. */
export function eventMethods (bindings: Bindings, tell: Tell): Record<string, CallerMethod> {
  const methods: Record<string, CallerMethod> = {
    'event.bind': (params, caller) => {
      const offline = isOffline(params)
      const event = eventIn(params)
      if (!BINDABLE.includes(event)) throw new RestError('ERROR_EVENT_NOT_FOUND', 'Event not found')
      if (offline && event === 'ONOFFLINEEVENT') throw new RestError('ERROR_ARGUMENT', 'Offline event cannot be registered for this event.')
      bindings.add({ clientId: caller.clientId, event, handler: offline ? '' : handlerIn(params), authType: Number(params['auth_type'] ?? 0), connector: offline ? caller.connector : '', offline })
      return { result: true }
    },
    'event.get': (_, caller) => ({
      result: bindings.all().filter(({ clientId }) => clientId === caller.clientId).map(({ event, handler, authType, connector, offline }) => offline
        ? { event, connector_id: connector, offline: 1 }
        : { event, handler, auth_type: String(authType), offline: 0 })
    }),
    'event.unbind': (params, caller) => {
      const offline = isOffline(params)
      const event = eventIn(params)
      const handler = offline ? '' : handlerIn(params)
      const count = bindings.remove(binding => binding.clientId === caller.clientId && binding.event === event && binding.offline === offline && binding.handler === handler
        && (offline ? binding.connector === caller.connector : params['auth_type'] === undefined || binding.authType === Number(params['auth_type'])))
      return { result: { count } }
    },
    'event.test': (params, caller) => {
      tell(caller.clientId, 'ONAPPTEST', { QUERY: params })
      return { result: 1 }
    }
  }
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, (params: Params, caller: Caller) => { needApp(caller); return method(lowered(params), caller) }]))
}

/** Names of parameters in lower case. */
export const lowered = (params: Params): Params => Object.fromEntries(Object.entries(params).map(([name, value]) => [name.toLowerCase(), value]))

function eventIn (params: Params): string {
  const event = asText(params['event']).toUpperCase()
  if (event === '') throw new RestError('ERROR_ARGUMENT', 'Argument \'EVENT\' is null or empty')
  return event
}

function handlerIn (params: Params): string {
  const handler = asText(params['handler'])
  if (handler === '') throw new RestError('ERROR_ARGUMENT', 'Argument \'HANDLER\' is null or empty')
  if (!URL.canParse(handler)) throw new RestError('ERROR_WRONG_HANDLER_URL', 'Wrong handler URL')
  if (!/^https?:/.test(handler)) throw new RestError('ERROR_UNSUPPORTED_PROTOCOL', 'Unsupported handler protocol')
  return handler
}

function isOffline (params: Params): boolean {
  const type = asText(params['event_type']).toLowerCase() || 'online'
  if (type !== 'online' && type !== 'offline') throw new RestError('ERROR_ARGUMENT', 'Value must be one of {online|offline}')
  return type === 'offline'
}
