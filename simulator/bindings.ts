import { RestError } from './rest-error.ts'

/** A subscription that an app made: to its address, or, offline, to the portal's own queue. */
export interface Binding { id: number, clientId: string, event: string, handler: string, authType: number, connector: string, offline: boolean }
export interface Bindings {
  add: (binding: Omit<Binding, 'id'>) => void
  remove: (test: (binding: Binding) => boolean) => number
  all: () => Binding[]
  dump: () => unknown
  load: (state: unknown) => void
}

/** Refuses the same binding twice, as the portal words it. */
export function createBindings (): Bindings {
  let bindings: Binding[] = []
  let next = 100
  return {
    add: (binding) => {
      const same = (other: Binding): boolean => other.clientId === binding.clientId && other.event === binding.event && other.handler === binding.handler && other.authType === binding.authType && other.connector === binding.connector && other.offline === binding.offline
      if (bindings.some(same)) throw new RestError('ERROR_CORE', 'Unable to set event handler: Handler already binded')
      bindings.push({ id: next++, ...binding })
    },
    remove: (test) => {
      const before = bindings.length
      bindings = bindings.filter(binding => !test(binding))
      return before - bindings.length
    },
    all: () => bindings,
    dump: () => bindings,
    load: (state) => {
      bindings = state as Binding[]
      next = bindings.reduce((top, { id }) => Math.max(top, id + 1), next)
    }
  }
}
